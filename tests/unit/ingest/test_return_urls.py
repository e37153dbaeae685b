"""Where the customer goes after paying."""

import pytest

from services.ingest.selling.sales import with_parameters
from services.ingest.settings import origin_of


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://Shop.example/a?b#c", "https://shop.example"),
        ("https://shop.example:443", "https://shop.example"),
        ("http://127.0.0.1:8090/x", "http://127.0.0.1:8090"),
        ("http://[::1]:80/", "http://[::1]"),
        ("https://shop.example@evil.example/", ""),
        ("https://evil.example@shop.example/", ""),
        ("https://@shop.example/", ""),
        (r"https://evil.example\@shop.example/x", ""),
        (r"https://shop.example\.evil.example/", ""),
        (r"https:\\evil.example@shop.example/", ""),
        ("https://shop.example/@x?b=@#@", "https://shop.example"),
        ("https://shop.example:notaport/", ""),
        ("javascript:alert(1)", ""),
        ("//shop.example/", ""),
        ("", ""),
    ],
)
def test_origins(url: str, origin: str) -> None:
    assert origin_of(url) == origin


def test_the_return_url_says_what_the_plugin_reads() -> None:
    url = with_parameters("https://shop.example/photos", "success", "tk_1")
    assert url == ("https://shop.example/photos?smi_payment=success&session_id={CHECKOUT_SESSION_ID}&job_id=tk_1")


def test_its_own_query_stays_and_an_earlier_order_goes() -> None:
    page = "https://shop.example/?p=3&smi_payment=cancelled&session_id=cs_1&job_id=tk_0#top"
    assert with_parameters(page, "cancelled", "tk_1") == (
        "https://shop.example/?p=3&smi_payment=cancelled&session_id={CHECKOUT_SESSION_ID}&job_id=tk_1"
    )
