"""The shop's pages and WordPress's media route, as one FastAPI application."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated

from fastapi import FastAPI, Query, Request, Response
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, PlainTextResponse
from fastapi.staticfiles import StaticFiles
from fastapi.templating import Jinja2Templates
from starlette.exceptions import HTTPException

from sandbox.shop.catalogue import BY_FILE, BY_ID, PHOTOS
from sandbox.shop.settings import Settings
from sandbox.shop.wordpress import MEDIA_ROUTE, error_body, media_item

_HERE = Path(__file__).parent
_CallNext = Callable[[Request], Awaitable[Response]]


def create_app(settings: Settings) -> FastAPI:
    """The whole shop; the only outside address that it knows is ingest's, and only the browser calls it."""
    app = FastAPI(title="Northlight, a sandbox shop", docs_url=None, redoc_url=None, openapi_url=None)
    _add_security_headers(app, settings.api_origin)
    _add_pages(app, settings.api_origin)
    _add_media_routes(app)
    app.mount("/static", StaticFiles(directory=_HERE / "static"), name="static")
    return app


def _add_security_headers(app: FastAPI, api_origin: str) -> None:
    policy = "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self' data: blob:",
            f"connect-src {api_origin}",
            "form-action 'none'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        )
    )

    @app.middleware("http")
    async def security_headers(request: Request, call_next: _CallNext) -> Response:
        response = await call_next(request)
        response.headers["Content-Security-Policy"] = policy
        response.headers["X-Content-Type-Options"] = "nosniff"
        # The path's query may hold the customer's ticket: other origins see only where, not which order.
        response.headers["Referrer-Policy"] = "strict-origin-when-cross-origin"
        return response


def _add_pages(app: FastAPI, api_origin: str) -> None:
    templates = Jinja2Templates(_HERE / "templates")

    @app.get("/", response_class=HTMLResponse)
    def shop(request: Request) -> Response:
        return templates.TemplateResponse(
            request, "shop.html", {"photos": PHOTOS, "api_root": f"{api_origin}/wp-json/smi/v1"}
        )

    @app.api_route("/photos/{file}", methods=["GET", "HEAD"])
    def photo(file: str) -> Response:
        found = BY_FILE.get(file)
        if found is None:
            return PlainTextResponse(f"There is no photograph {file!r} in this shop.\n", status_code=404)
        return FileResponse(found.path, media_type=found.mime_type)

    @app.get("/healthz", response_class=PlainTextResponse)
    def healthz() -> str:
        return "ok\n"


def _add_media_routes(app: FastAPI) -> None:
    @app.get(MEDIA_ROUTE)
    def media_list(
        request: Request,
        page: Annotated[int, Query(ge=1)] = 1,
        per_page: Annotated[int, Query(ge=1, le=100)] = 10,
    ) -> JSONResponse:
        pages = -(-len(PHOTOS) // per_page)
        if page > pages:
            message = "The page number requested is larger than the number of pages available."
            return JSONResponse(error_body("rest_post_invalid_page_number", message, 400), 400)
        shown = PHOTOS[(page - 1) * per_page : page * per_page]
        return JSONResponse(
            [media_item(photo, _site_url(request)) for photo in shown],
            headers={"X-WP-Total": str(len(PHOTOS)), "X-WP-TotalPages": str(pages)},
        )

    @app.get(MEDIA_ROUTE + "/{attachment_id:int}")
    def media(request: Request, attachment_id: int) -> JSONResponse:
        photo = BY_ID.get(attachment_id)
        if photo is None:
            return JSONResponse(error_body("rest_post_invalid_id", "Invalid post ID.", 404), 404)
        return JSONResponse(media_item(photo, _site_url(request)))

    @app.exception_handler(HTTPException)
    async def no_route(request: Request, error: HTTPException) -> Response:
        if not request.url.path.startswith("/wp-json/"):
            return PlainTextResponse(f"{error.detail}\n", status_code=error.status_code)
        message = "No route was found matching the URL and request method."
        return JSONResponse(error_body("rest_no_route", message, 404), 404)


def _site_url(request: Request) -> str:
    return str(request.base_url).rstrip("/")
