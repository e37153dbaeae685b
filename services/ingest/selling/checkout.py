"""From a chosen picture to Stripe's payment page."""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Header

from common.language import negotiate
from services.ingest.edge import Edge, Parts
from services.ingest.selling import catalogue, uploads
from services.ingest.selling.catalogue import Picture
from services.ingest.selling.prices import offer_for
from services.ingest.selling.quotes import dollars
from services.ingest.selling.sales import Buyer, Source, open_order, return_page
from services.ingest.selling.uploads import Upload
from services.ingest.web.answers import Checkout, refusals
from services.ingest.web.forms import CheckoutForm, UploadCheckoutForm

router = APIRouter(prefix="/wp-json/smi/v1", tags=["shop"])


@dataclass(frozen=True, slots=True)
class Visitor:
    """What the browser says of itself: the page that it comes from, and the languages that its owner reads."""

    referer: Annotated[str | None, Header()] = None
    accept_language: Annotated[str | None, Header()] = None


From = Annotated[Visitor, Depends()]


@router.post("/create-checkout", response_model=Checkout, responses=refusals(403, 404, 422, 502))
def create_checkout(edge: Edge, form: Annotated[CheckoutForm, Form()], visitor: From) -> dict[str, Any]:
    """Order an enlargement of one of the shop's pictures; the answer leads to the payment page."""
    return order(edge, from_catalogue(catalogue.find(edge, form.attachment_id), form), form, visitor)


@router.post("/create-checkout-upload", response_model=Checkout, responses=refusals(404, 422, 502))
def create_checkout_upload(edge: Edge, form: Annotated[UploadCheckoutForm, Form()], visitor: From) -> dict[str, Any]:
    """Order an enlargement of a picture that the customer sent."""
    return order(edge, from_upload(uploads.find(edge, form.upload_id), form), form, visitor)


def from_catalogue(picture: Picture, form: CheckoutForm) -> Source:
    return Source(
        "catalogue",
        picture.source_url,
        picture.width,
        picture.height,
        attachment_id=form.attachment_id,
        post_id=form.post_id,
    )


def from_upload(upload: Upload, form: UploadCheckoutForm) -> Source:
    return Source("upload", f"upload:{form.upload_id}", upload.width, upload.height, upload_id=form.upload_id)


def order(edge: Parts, source: Source, form: CheckoutForm | UploadCheckoutForm, visitor: Visitor) -> dict[str, Any]:
    """Open the order; what the plugin is answered. Raises ApiError as `open_order`."""
    offer = offer_for(edge, source.width, source.height, form.resolution)
    locale = negotiate(form.locale or visitor.accept_language)
    opened = open_order(edge, source, offer, Buyer(form.email, return_page(edge, visitor.referer), locale))
    return {
        "success": True,
        "job_id": opened.ticket,
        "checkout_url": opened.checkout_url,
        "amount": dollars(offer.price_cents),
        "message": "The order waits for its payment.",
    }
