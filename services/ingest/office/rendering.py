"""The office's templates, and how they write amounts, instants and lengths of time. In English, like the commands."""

from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment

from common import templating
from common.admin import telling
from common.admin.verbs import masked

HERE = Path(__file__).parent
PREFIX = "/admin"
API = "/admin/api"


def is_page(path: str) -> bool:
    """Whether a person looks at this address: the API beside the pages is for programs."""
    return path.startswith(PREFIX) and not path.startswith(API)


def page(
    request: Request, name: str, values: dict[str, Any], status: int = 200, headers: dict[str, str] | None = None
) -> HTMLResponse:
    """Render a page; who is signed in stands on the request (gate.py)."""
    shared = {
        "site_name": request.app.state.edge.settings.site_name,
        "session": getattr(request.state, "session", None),
        "path": request.url.path,
        "now": datetime.now(UTC),
    }
    return HTMLResponse(_environment().get_template(name).render(shared | values), status, headers)


@cache
def _environment() -> Environment:
    environment = templating.templates(HERE / "templates", "en")
    environment.filters |= {
        "plain": telling.money, "span": telling.span, "masked": masked, "second": _second, "words": _words,
        "percent": _percent,
    }  # fmt: skip
    environment.globals |= {"ago": telling.ago, "until": telling.until}
    return environment


def _second(when: datetime) -> str:
    return f"{when.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _words(name: str) -> str:
    """`awaiting_payment` as people read it."""
    return name.replace("_", " ")


def _percent(part: float, whole: float) -> int:
    """For widths of bars: 0 to 100; what is there at all is seen."""
    return min(max(round(100 * part / whole), 1), 100) if whole > 0 and part > 0 else 0
