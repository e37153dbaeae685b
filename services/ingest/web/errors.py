"""Errors in the one shape of contracts.md, for every route: `{"code", "message", "data": {"status"}}`."""

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from common.admin import RefusedError
from common.database import PASSING, DatabaseAwayError
from common.language import Told, mark, translate
from common.pictures.examiner import ExaminerError
from common.storage import StorageError
from services.ingest.office.rendering import is_page
from services.ingest.office.rendering import page as office_page
from services.ingest.web import complaints
from services.ingest.web.templating import language_of, page

RETRY_AFTER = {"Retry-After": "5"}
PAGE_PATHS = ("/jobs/", "/d/", "/address/", "/shop")
UNAVAILABLE = mark("This service cannot answer just now. Please try again in a moment.")

log = structlog.get_logger()


class ApiError(Exception):
    """What a route says no with; `message` is for the customer."""

    def __init__(self, status: int, code: str, message: str | Told, headers: dict[str, str] | None = None) -> None:
        super().__init__(str(message))
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers


def error_response(request: Request, error: ApiError) -> Response:
    """JSON for programs, a plain page where a person looks."""
    message = translate(error.message, language_of(request))
    if is_page(request.url.path):
        return office_page(request, "office_error.html", {"message": message}, error.status, error.headers)
    if request.url.path.startswith(PAGE_PATHS):
        return page(request, "error.html", {"message": message}, error.status, error.headers)
    body = {"code": error.code, "message": message, "data": {"status": error.status}}
    return JSONResponse(body, error.status, error.headers)


def install(app: FastAPI) -> None:
    """Register the handlers. What none of them knows ends in the middleware, as a 500 of the same shape."""

    @app.exception_handler(ApiError)
    async def refused(request: Request, error: ApiError) -> Response:
        return error_response(request, error)

    @app.exception_handler(RefusedError)
    async def not_decided(request: Request, error: RefusedError) -> Response:
        return error_response(request, ApiError(_REFUSALS.get(error.code, 409), error.code, str(error)))

    @app.exception_handler(HTTPException)
    async def no_route(request: Request, error: HTTPException) -> Response:
        code, message = _WORDS.get(error.status_code, (f"http_{error.status_code}", error.detail))
        return error_response(
            request, ApiError(error.status_code, code, message or error.detail, dict(error.headers or {}))
        )

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        shown = request.url.path.startswith(PAGE_PATHS)
        told = complaints.for_people(error) if shown else complaints.for_programs(error, language_of(request))
        return error_response(request, ApiError(400, "invalid_request", told))

    @app.exception_handler(DatabaseAwayError)
    async def away(request: Request, error: DatabaseAwayError) -> Response:
        log.warning("database.away", error=str(error))
        return error_response(request, unavailable())

    @app.exception_handler(StorageError)
    async def no_storage(request: Request, error: StorageError) -> Response:
        log.error("storage.failed", error=str(error))
        return error_response(request, unavailable())

    @app.exception_handler(ExaminerError)
    async def no_eyes(request: Request, error: ExaminerError) -> Response:
        log.error("picture.not_looked_at", error=str(error))
        return error_response(request, unavailable())

    for passing in PASSING:
        app.add_exception_handler(passing, _passing)


async def _passing(request: Request, error: Exception) -> Response:
    log.warning("database.conflict", error=str(error))
    return error_response(request, unavailable())


def unavailable() -> ApiError:
    return ApiError(503, "unavailable", UNAVAILABLE, RETRY_AFTER)


_REFUSALS = {"unknown_order": 404, "unknown_name": 404, "broker_away": 503}
_WORDS = {
    400: ("invalid_request", ""),
    404: ("not_found", mark("There is nothing at this address.")),
    405: ("method_not_allowed", mark("This address does not take this method.")),
    408: ("too_slow", ""),
    413: ("content_too_large", ""),
}
