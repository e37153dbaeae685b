"""Prices of a picture, and the count of the button's clicks."""

from typing import Annotated, Any

from fastapi import APIRouter, Form

from common.language import Told, mark
from services.ingest.edge import Edge, Parts
from services.ingest.selling import catalogue
from services.ingest.selling.quotes import RESOLUTIONS, Quote, TooLarge, price_list, quote, shown
from services.ingest.web.answers import Clicked, Prices, refusals
from services.ingest.web.errors import ApiError
from services.ingest.web.forms import PictureForm

TOO_MANY = mark("This picture has %(width)s x %(height)s pixels; at most %(most)s megapixels are taken.")

router = APIRouter(prefix="/wp-json/smi/v1", tags=["shop"])


@router.post(
    "/calculate-all-prices", response_model=Prices, response_model_exclude_none=True, responses=refusals(403, 404, 422)
)
def calculate_all_prices(edge: Edge, form: Annotated[PictureForm, Form()]) -> dict[str, Any]:
    """What each resolution of this picture costs."""
    picture = catalogue.find(edge, form.attachment_id)
    return {
        "success": True,
        "pricing": pricing(edge, picture.width, picture.height),
        "image_info": {"width": picture.width, "height": picture.height},
    }


@router.post("/track-button-click", response_model=Clicked, responses=refusals(422))
def track_button_click(edge: Edge, form: Annotated[PictureForm, Form()]) -> dict[str, Any]:
    """Count a click on the shop's button, per day, picture and page."""
    with edge.database.transaction() as tx:
        tx.execute(
            """INSERT INTO button_clicks AS b (attachment_id, post_id) VALUES (%(attachment)s, %(post)s)
               ON CONFLICT (day, attachment_id, post_id) DO UPDATE SET clicks = b.clicks + 1""",
            {"attachment": form.attachment_id, "post": form.post_id or 0},
        )
    return {"success": True, "message": "Counted."}


def pricing(edge: Parts, width: int, height: int) -> dict[str, Any]:
    """The price list in the plugin's words. Raises ApiError 422 when nothing can be made of the picture."""
    _small_enough(edge, width, height)
    offers = price_list(edge.tariff, width, height)
    if isinstance(offers, TooLarge):
        raise ApiError(422, "picture_too_large", offers.why)
    return {name: shown(offer) for name, offer in offers.items()}


def offer_for(edge: Parts, width: int, height: int, resolution: str) -> Quote:
    """The one resolution that the customer chose. Raises ApiError 422."""
    _small_enough(edge, width, height)
    offer = quote(edge.tariff, width, height, RESOLUTIONS[resolution])
    if isinstance(offer, TooLarge):
        raise ApiError(422, "picture_too_large", offer.why)
    return offer


def _small_enough(edge: Parts, width: int, height: int) -> None:
    most = edge.settings.max_source_megapixels
    if width * height > most * 1_000_000:
        raise ApiError(422, "picture_too_large", Told(TOO_MANY, {"width": width, "height": height, "most": most}))
