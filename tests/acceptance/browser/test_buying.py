"""A customer at the shop, in a real browser: buys, watches, downloads."""

import io
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, expect

from cli.customer import Customer
from local.stack import Stack
from tests.acceptance.browser.catalogue import imported
from tests.acceptance.browser.watching import Watched, accessible, fits, visitor

PHONE = {"width": 390, "height": 844}
CAT = "[data-attachment-id='105']"


def _pay(page: Page, email: str) -> None:
    page.wait_for_url("**/pay/*")
    accessible(page)
    page.get_by_label("E-mail").fill(email)
    page.get_by_role("button", name="Pay $").click()


def _plugin_calls(visit: Watched, site: Stack) -> dict[str, dict[str, str]]:
    """The headers of the calls to our routes, by route."""
    root = f"{site.at.ingest}/wp-json/smi/v1"
    calls = [request for request in visit.requests if request.url.startswith(root) and request.method == "POST"]
    return {request.url.removeprefix(root): request.all_headers() for request in calls}


def test_a_customer_buys_watches_and_downloads(site: Stack, browser: Browser, tmp_path: Path) -> None:
    with visitor(browser) as visit:
        page = visit.open(site.at.shop)
        accessible(page)
        page.locator(CAT).click()
        expect(page.get_by_role("button", name="Buy for $")).to_be_enabled()
        assert page.locator(".size").count() == 2, "live prices for 4x and 8x"
        accessible(page)
        page.get_by_role("button", name="Buy for $").click()
        _pay(page, "mia@customer.example")
        expect(page.get_by_role("link", name="Download")).to_be_visible(timeout=30_000)
        ticket = page.url.partition("job_id=")[2].partition("&")[0]
        page.get_by_role("link", name="Download").click()
        accessible(page)
        with page.expect_download() as download:
            page.get_by_role("link", name="Download the picture").click()
        saved = tmp_path / download.value.suggested_filename
        download.value.save_as(saved)
        with Image.open(io.BytesIO(saved.read_bytes())) as image:
            image.load()
            assert image.size == (451 * 4, 300 * 4)
        assert saved.name.startswith("enlarged-4x-")
        page.goto(f"{site.at.ingest}/jobs/{ticket}")
        expect(page.get_by_role("heading", name="Your enlargement is ready")).to_be_visible()
        accessible(page)
        visit.clean()
        calls = _plugin_calls(visit, site)
    assert set(calls) == {"/track-button-click", "/calculate-all-prices", "/create-checkout"}
    for headers in calls.values():  # as a WordPress site sends them
        assert headers["origin"] == site.at.shop != site.at.ingest
        assert headers["x-wp-nonce"]
        assert headers["content-type"].startswith("application/x-www-form-urlencoded")


def test_a_picture_of_ones_own_is_sent_priced_and_bought(site: Stack, browser: Browser, tmp_path: Path) -> None:
    own = tmp_path / "holiday.jpg"
    Image.effect_noise((320, 200), 60).convert("RGB").save(own)
    with visitor(browser, viewport=PHONE, color_scheme="dark") as visit:
        page = visit.open(site.at.shop)
        page.locator("#file").set_input_files(own)
        expect(page.get_by_role("heading", name="holiday.jpg")).to_be_visible()
        expect(page.get_by_role("button", name="Buy for $")).to_be_enabled()
        accessible(page)
        fits(page)
        page.get_by_role("button", name="Buy for $").click()
        _pay(page, "noah@customer.example")
        expect(page.get_by_role("link", name="Download")).to_be_visible(timeout=30_000)
        fits(page)
        visit.clean()


def test_the_status_page_follows_the_order_by_itself(site: Stack, browser: Browser) -> None:
    customer = Customer(site)
    purchase = customer.order(105, "4x", "kim@customer.example")
    with visitor(browser, viewport=PHONE, locale="de-DE", color_scheme="dark") as visit:
        page = visit.open(f"{site.at.ingest}/jobs/{purchase.ticket}")
        expect(page.get_by_role("heading", name="Ihre Zahlung wird bestätigt")).to_be_visible()
        accessible(page)
        customer.pay(purchase)
        expect(page.get_by_role("heading", name="Ihre Vergrößerung ist fertig")).to_be_visible(timeout=45_000)
        expect(page.get_by_role("link", name="Bild herunterladen")).to_be_visible()
        accessible(page)
        fits(page)
        visit.clean()


def test_without_javascript_the_page_says_the_same(site: Stack, browser: Browser) -> None:
    purchase = Customer(site).order(105, "4x", "kim@customer.example")
    with visitor(browser, java_script_enabled=False) as visit:
        page = visit.open(f"{site.at.ingest}/jobs/{purchase.ticket}")
        expect(page.get_by_role("heading", name="Your payment is being confirmed")).to_be_visible()
        assert "UTC" in page.locator(".facts").inner_text()
        assert page.locator("noscript meta[http-equiv=refresh]").count() == 1
        visit.clean()


def test_the_shop_page_of_our_own_sells_without_javascript(site: Stack, browser: Browser, tmp_path: Path) -> None:
    imported(site)
    own = tmp_path / "holiday.jpg"
    Image.effect_noise((320, 200), 60).convert("RGB").save(own)
    with visitor(browser, java_script_enabled=False, viewport=PHONE, color_scheme="dark", locale="de-DE") as visit:
        page = visit.open(f"{site.at.ingest}/shop")
        expect(page.locator(".wall img")).to_have_count(8)
        fits(page)
        page.locator(".wall a").first.click()
        assert page.locator(".size").count() == 2, "prices for 4x and 8x"
        fits(page)
        page.go_back()
        page.get_by_label("JPEG, PNG oder WebP").set_input_files(own)
        page.get_by_role("button", name="Preise ansehen").click()
        page.get_by_role("radio").last.check()
        fits(page)
        page.get_by_role("button", name="Zur Zahlungsseite").click()
        page.wait_for_url("**/pay/*")
        page.get_by_label("E-mail").fill("ben@customer.example")
        page.get_by_role("button", name="Pay $").click()
        expect(page.get_by_role("heading", name="fertig")).to_be_visible(timeout=60_000)
        assert "/jobs/tk_" in page.url
        visit.clean()


def test_the_shop_page_of_our_own_is_accessible(site: Stack, browser: Browser) -> None:
    imported(site)
    with visitor(browser) as visit:
        page = visit.open(f"{site.at.ingest}/shop")
        accessible(page)
        page.locator(".wall a").first.click()
        accessible(page)
        visit.clean()
