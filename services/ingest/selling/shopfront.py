"""The shop's page, where the owner has no site of their own (`SHOP_PAGE`): choose a picture or send one, and pay.

Plain forms: it works without JavaScript. The payment page is reached by a page of ours that moves on by itself, since
a form of ours may lead nowhere else (`form-action`), and Stripe's own domain is the owner's to choose.
"""

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, File, Form, Request, Response, UploadFile
from fastapi.responses import HTMLResponse, RedirectResponse
from psycopg.rows import class_row

from common.language import mark
from services.ingest.edge import Edge, Parts
from services.ingest.selling import catalogue, uploads
from services.ingest.selling.checkout import From, Visitor, from_catalogue, from_upload, order
from services.ingest.selling.quotes import Quote, TooLarge, price_list
from services.ingest.selling.sales import Source
from services.ingest.web.answers import PAGE, refusals
from services.ingest.web.errors import ApiError
from services.ingest.web.forms import MAX_ID, CheckoutForm, Email, Resolution, UploadCheckoutForm
from services.ingest.web.middleware import POLICY
from services.ingest.web.templating import page

SHOWN = 24
CLOSED = mark("There is nothing at this address.")


def opened(edge: Edge) -> None:
    """Raises ApiError 404 where the owner has a shop elsewhere."""
    if not edge.settings.shop_page:
        raise ApiError(404, "not_found", CLOSED)


router = APIRouter(prefix="/shop", tags=["shop page"], dependencies=[Depends(opened)])
REFUSALS = refusals(403, 404, 422, 502, page=True)


@dataclass(frozen=True, slots=True)
class Offered:
    """A picture of the catalogue, as the page shows it."""

    attachment_id: int
    title: str | None
    source_url: str
    thumbnail_url: str | None
    width: int
    height: int

    @property
    def shown_url(self) -> str:
        return self.thumbnail_url or self.source_url


@dataclass(frozen=True, slots=True)
class Choice:
    """What the customer fills in on the page of one picture."""

    resolution: Annotated[Resolution, Form()]
    email: Annotated[Email, Form()] = None


Chosen = Annotated[Choice, Depends()]


@router.get("", response_class=HTMLResponse, responses=PAGE | REFUSALS)
def wall(edge: Edge, request: Request, after: int = 0) -> Response:
    """The pictures that are sold, and a form for one's own."""
    with edge.database.transaction() as tx:
        known = tx.cursor(row_factory=class_row(Offered)).execute(
            f"SELECT {_COLUMNS} FROM pictures WHERE attachment_id > %(after)s ORDER BY attachment_id LIMIT %(most)s",
            {"after": min(max(after, 0), MAX_ID), "most": SHOWN + 1},
        )
        found = known.fetchall()
    sold = [picture for picture in found[:SHOWN] if edge.sources.lists(picture.source_url)]
    more = found[SHOWN - 1].attachment_id if len(found) > SHOWN else None
    return _page(
        edge, request, "shop.html", {"pictures": sold, "more": more, "uploads": edge.settings.upload_keep_hours}
    )


@router.get("/pictures/{attachment_id}", response_class=HTMLResponse, responses=PAGE | REFUSALS)
def picture(edge: Edge, request: Request, attachment_id: int) -> Response:
    """One picture, what each enlargement of it costs, and the way to pay."""
    found = catalogue.find(edge, _an_id(attachment_id))
    with edge.database.transaction() as tx:
        row = (
            tx.cursor(row_factory=class_row(Offered))
            .execute(f"SELECT {_COLUMNS} FROM pictures WHERE attachment_id = %(id)s", {"id": attachment_id})
            .fetchone()
        )
    values = {"picture": row, "title": row and row.title, "width": found.width, "height": found.height}
    return _page(edge, request, "choose.html", values | {"offers": _offers(edge, found.width, found.height)})


@router.post("/pictures/{attachment_id}", response_class=HTMLResponse, responses=PAGE | REFUSALS)
def buy_picture(edge: Edge, request: Request, attachment_id: int, chosen: Chosen, visitor: From) -> Response:
    """Order an enlargement of this picture; the page moves on to the payment."""
    form = CheckoutForm(attachment_id=_an_id(attachment_id), resolution=chosen.resolution, email=chosen.email)
    return _to_payment(edge, request, from_catalogue(catalogue.find(edge, form.attachment_id), form), form, visitor)


@router.post("/upload", status_code=303, response_class=Response, responses=REFUSALS)
def upload(edge: Edge, image: Annotated[UploadFile, File()]) -> Response:
    """Take the customer's own picture, and show what its enlargements cost."""
    return RedirectResponse(f"/shop/uploads/{uploads.take(edge, image).upload_id}", 303)


@router.get("/uploads/{upload_id}", response_class=HTMLResponse, responses=PAGE | REFUSALS)
def uploaded(edge: Edge, request: Request, upload_id: str) -> Response:
    """The customer's own picture, what each enlargement of it costs, and the way to pay."""
    own = uploads.find(edge, upload_id.replace("\0", ""))
    values = {"picture": None, "title": None, "width": own.width, "height": own.height}
    return _page(edge, request, "choose.html", values | {"offers": _offers(edge, own.width, own.height)})


@router.post("/uploads/{upload_id}", response_class=HTMLResponse, responses=PAGE | REFUSALS)
def buy_upload(edge: Edge, request: Request, upload_id: str, chosen: Chosen, visitor: From) -> Response:
    """Order an enlargement of the customer's own picture; the page moves on to the payment."""
    own = uploads.find(edge, upload_id.replace("\0", ""))
    form = UploadCheckoutForm(upload_id=upload_id, resolution=chosen.resolution, email=chosen.email)
    return _to_payment(edge, request, from_upload(own, form), form, visitor)


def _to_payment(
    edge: Parts, request: Request, source: Source, form: CheckoutForm | UploadCheckoutForm, visitor: Visitor
) -> Response:
    url = order(edge, source, form, visitor)["checkout_url"]
    return _page(edge, request, "paying.html", {"url": url})


def _offers(edge: Parts, width: int, height: int) -> list[Quote]:
    """Raises ApiError 422 when nothing can be made of the picture."""
    offers = price_list(edge.tariff, width, height)
    if isinstance(offers, TooLarge):
        raise ApiError(422, "picture_too_large", offers.why)
    return list(offers.values())


def _an_id(attachment_id: int) -> int:
    if not 0 < attachment_id <= MAX_ID:
        raise ApiError(404, "unknown_picture", CLOSED)
    return attachment_id


def _page(edge: Parts, request: Request, name: str, values: dict[str, object]) -> Response:
    """Pictures come from the hosts that they are sold from, and nothing else from anywhere."""
    hosts = " ".join(host for host in edge.settings.picture_hosts if urlsplit(f"//{host}").hostname)
    policy = POLICY.replace("img-src 'self'", f"img-src 'self' {hosts}".rstrip())
    shared = {"currency": edge.settings.currency}
    return page(request, name, shared | values, headers={"Content-Security-Policy": policy})


_COLUMNS = "attachment_id, title, source_url, thumbnail_url, width, height"
