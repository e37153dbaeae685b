"""The pages: their templates in the reader's language, with the site's name and contact on them."""

from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse

from common.language import negotiate
from common.templating import templates

HERE = Path(__file__).parents[1]


def language_of(request: Request, otherwise: str = "en") -> str:
    """What the browser asks for, else the language that the order was made in."""
    return negotiate(request.headers.get("accept-language"), otherwise)


def page(
    request: Request, name: str, values: dict[str, Any], status: int = 200, headers: dict[str, str] | None = None
) -> HTMLResponse:
    """Render a page. `values` may name its `language`; without, the browser does."""
    settings = request.app.state.edge.settings
    shared = {"site_name": settings.site_name, "support_email": settings.support_email, "terms_url": settings.terms_url}
    language = values.get("language") or language_of(request)
    rendered = templates(HERE / "templates", language).get_template(name).render(shared | values)
    return HTMLResponse(rendered, status, {"Vary": "Accept-Language", "Content-Language": language} | (headers or {}))
