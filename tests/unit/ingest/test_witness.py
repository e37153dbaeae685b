"""An order can be made anew from its payment page alone."""

from dataclasses import replace
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from common.orders import Order
from services.ingest.money import witness
from services.ingest.money.stripe import Session
from services.ingest.selling.sales import with_parameters

ORDER = Order(
    job_id=UUID("0193b1d0-0000-7000-8000-000000000001"),
    ticket="tk_" + "a" * 32,
    source_kind="upload",
    source_url="upload:up_1",
    source_width=450,
    source_height=300,
    factor=4,
    amount_cents=192,
    currency="usd",
    credits=1,
    cost_cents=4,
    markup_percent=Decimal(200),
    return_url="https://shop.example/photos?p=1",
    email="a@customer.example",
    upload_id="up_1",
    post_id=7,
    locale="de",
)


def _page(order: Order, **changed: Any) -> Session:
    metadata = {"job_id": str(order.job_id), "resolution": f"{order.factor}x", "source": "enlarger"}
    success_url = with_parameters(order.return_url, "success", order.ticket)
    page = Session("cs_1", "complete", "paid", 192, "usd", False, "pi_1", order.email, None, success_url,  # noqa: FBT003
                   metadata | witness.record_of(order))  # fmt: skip
    return replace(page, **changed)


def test_the_page_tells_the_whole_order() -> None:
    assert witness.order_of(_page(ORDER)) == ORDER
    assert all(len(value) <= witness.MOST_CHARACTERS for value in witness.record_of(ORDER).values())


@pytest.mark.parametrize(
    "changed",
    [
        {"metadata": {"job_id": str(ORDER.job_id), "resolution": "4x", "source": "enlarger"}},
        {"metadata": {**_page(ORDER).metadata, "order": "{not json"}},
        {"metadata": {**_page(ORDER).metadata, "job_id": "1"}},
        {"success_url": "https://shop.example/"},
        {"amount_cents": None},
    ],
)
def test_a_page_that_does_not_say_enough_makes_no_order(changed: dict[str, Any]) -> None:
    assert witness.order_of(_page(ORDER, **changed)) is None
