"""The pages' templates: jinja2 with autoescape, and the few formats that they need."""

from decimal import Decimal
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

HERE = Path(__file__).parent
SYMBOLS = {"usd": "$", "eur": "€", "gbp": "£"}


def money(cents: int, currency: str) -> str:
    """`$1.92`, or `1.92 CHF` where a currency has no sign here."""
    amount = f"{Decimal(cents) / 100:,.2f}"
    sign = SYMBOLS.get(currency)
    return f"{sign}{amount}" if sign else f"{amount} {currency.upper()}"


def size(count: int) -> str:
    """Bytes for people: `3.4 MB`."""
    for unit, step in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= step:
            return f"{Decimal(count) / step:.1f} {unit}"
    return f"{count} bytes"


_TEMPLATES = Environment(
    loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
)
_TEMPLATES.filters |= {"money": money, "size": size}


def page(
    request: Request, name: str, values: dict[str, Any], status: int = 200, headers: dict[str, str] | None = None
) -> HTMLResponse:
    """Render a page with the site's name and contact on it."""
    settings = request.app.state.edge.settings
    shared = {"site_name": settings.site_name, "support_email": settings.support_email, "terms_url": settings.terms_url}
    return HTMLResponse(_TEMPLATES.get_template(name).render(shared | values), status, headers)
