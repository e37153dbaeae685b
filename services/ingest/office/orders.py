"""The list of orders: filters, a search, and page after page."""

from datetime import UTC, date, datetime, timedelta
from typing import Annotated
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from common.admin.listing import Filter, Place, listing
from common.admin.reading import Row
from common.stages import Stage, Status
from services.ingest.edge import Edge
from services.ingest.office.gate import Signed
from services.ingest.office.rendering import page
from services.ingest.web.errors import ApiError

A_PAGE = 50
FIELDS = ("text", "status", "stage", "only", "since", "until")

router = APIRouter()


def _wanted(  # noqa: PLR0913 - the filter's fields
    *,
    text: Annotated[str, Query(max_length=300)] = "",
    status: Status | str = "",
    stage: Stage | str = "",
    only: str = "",
    since: str = "",
    until: str = "",
    after: Annotated[str, Query(max_length=100)] = "",
) -> Filter:
    """The filter of the address; an empty field is none. Raises ApiError 400."""
    try:
        last = _day(until)
        return Filter(
            Status(status).value if status else None, Stage(stage).value if stage else None, text.strip() or None,
            held=only == "held" or None, attention=only == "attention" or None, late=only == "late" or None,
            since=_day(since), until=last and last + timedelta(days=1), after=_place(after), limit=A_PAGE + 1,
        )  # fmt: skip
    except (ValueError, OverflowError) as error:
        raise ApiError(400, "invalid_request", f"This cannot be looked for: {error}.") from error


@router.get("/jobs")
def orders(edge: Edge, request: Request, _session: Signed, wanted: Annotated[Filter, Depends(_wanted)]) -> Response:
    with edge.database.transaction() as tx:
        found = listing(tx, wanted)
    asked = {name: value for name, value in request.query_params.items() if value and name in FIELDS}
    values = {
        "orders": found[:A_PAGE],
        "asked": dict.fromkeys(FIELDS, "") | asked,
        "statuses": list(Status),
        "stages": list(Stage),
        "filtered": bool(asked),
        "older": _next(asked, found) if len(found) > A_PAGE else None,
        "newest": f"?{urlencode(asked)}" if wanted.after else None,
    }
    return page(request, "office_orders.html", values)


def _next(asked: dict[str, str], found: list[Row]) -> str:
    last = found[A_PAGE - 1]
    return "?" + urlencode(asked | {"after": f"{last['created_at'].isoformat()}~{last['job_id']}"})


def _place(text: str) -> Place | None:
    if not text:
        return None
    at, _, job_id = text.partition("~")
    return Place(datetime.fromisoformat(at).astimezone(UTC), UUID(job_id))


def _day(text: str) -> datetime | None:
    return datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC) if text else None
