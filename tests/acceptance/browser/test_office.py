"""The admin's pages in a real browser: an order is done again and refunded, and every page is for everybody."""

import psycopg
import pytest
from playwright.sync_api import Browser, Page, expect

from cli.customer import Customer, Purchase
from local.processes import await_condition
from local.stack import Stack
from tests.acceptance.browser.attempts import MARK, SCRIPTS
from tests.acceptance.browser.watching import Watched, accessible, fits, visitor

PHONE = {"width": 390, "height": 844}
PAGES = ("", "/jobs", "/dead", "/operation", "/reports")
VERBS = ("retry", "refund", "extend", "resend", "email", "hold", "release", "wake", "complete", "fail")


@pytest.fixture(scope="module")
def purchase(site: Stack) -> Purchase:
    customer = Customer(site)
    bought = customer.order(105, "4x", "ada@customer.example")
    customer.pay(bought)
    await_condition(lambda: customer.status(bought)["status"] == "completed", 40, "the order to be delivered")
    return bought


def signed_in(visit: Watched, site: Stack, path: str = "") -> Page:
    page = visit.open(f"{site.at.ingest}/admin{path}")
    page.get_by_label("Your name").fill("anna")
    page.get_by_label("Token").fill(site.known.admin_token)
    page.get_by_role("button", name="Sign in").click()
    return page


def test_an_order_is_found_done_again_and_refunded(site: Stack, browser: Browser, purchase: Purchase) -> None:
    with visitor(browser) as visit:
        page = signed_in(visit, site)
        page.get_by_role("link", name="Orders", exact=True).click()
        page.get_by_label("Find").fill("ada@")
        page.keyboard.press("Enter")
        page.get_by_role("link", name=purchase.ticket[3:11]).click()
        expect(page.get_by_role("img", name="Result of attempt 1")).to_be_visible()
        accessible(page)
        page.get_by_role("link", name="Do it again").click()
        expect(page.get_by_text("It is done again, as a new attempt.")).to_be_visible()
        page.get_by_label("Reason").fill("the eyes look soft")
        page.get_by_role("button", name="Do it again").click()
        expect(page.get_by_role("status")).to_have_text("It is done again, as a new attempt.")
        await_condition(lambda: _attempts(page) == 2, 40, "the second attempt to be delivered")
        page.get_by_role("link", name="Refund", exact=True).click()
        page.get_by_label("Reason").fill("the customer asked")
        page.get_by_role("button", name="Refund").click()
        expect(page.get_by_role("status")).to_contain_text("go back to the customer")
        await_condition(lambda: Customer(site).status(purchase)["payment_status"] == "refunded", 40, "the refund")
        page.reload()
        expect(page.get_by_text("the eyes look soft")).to_be_visible()
        expect(page.get_by_text("the customer asked").first).to_be_visible()
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        visit.clean()


def _attempts(page: Page) -> int:
    page.reload()
    return page.get_by_role("img", name="Result of attempt").count()


@pytest.mark.parametrize("look", [{}, {"viewport": PHONE}, {"color_scheme": "dark"}], ids=["desk", "phone", "dark"])
def test_every_page_is_for_everybody(
    site: Stack, browser: Browser, purchase: Purchase, look: dict[str, object]
) -> None:
    """axe-core finds nothing serious, nothing leaves the window, no policy is violated, no stranger is asked."""
    with visitor(browser, **look) as visit:
        page = visit.open(f"{site.at.ingest}/admin")
        accessible(page)
        page.close()
        page = signed_in(visit, site)
        order = f"/jobs/{purchase.ticket}"
        for path in (*PAGES, order, *(f"{order}/{verb}" for verb in VERBS)):
            answer = page.goto(f"{site.at.ingest}/admin{path}")
            assert answer
            assert answer.ok, path
            accessible(page)
            fits(page)
        visit.clean()


def test_without_a_mouse(site: Stack, browser: Browser) -> None:
    """The first stop is the way past the menu; then the menu itself, in its order."""
    with visitor(browser) as visit:
        page = signed_in(visit, site)
        expect(page.get_by_role("heading", name="Overview")).to_be_visible()
        stops = []
        for _ in range(4):
            page.keyboard.press("Tab")
            stops.append(page.evaluate("() => document.activeElement.textContent.trim()"))
        assert stops == ["To the content", "Overview", "Orders", "Dead letters"]


def test_no_text_of_a_stranger_runs_in_the_office(site: Stack, browser: Browser) -> None:
    strange = Customer(site).order(105, "4x", "eve@customer.example")
    with psycopg.connect(site.database_url, autocommit=True) as database, visitor(browser) as visit:
        page = signed_in(visit, site)
        for text in SCRIPTS[::3]:
            database.execute(
                """UPDATE jobs SET email = %(text)s || '@x', source_url = %(text)s, failure_reason = %(text)s,
                       failure_detail = %(text)s, hold_reason = %(text)s WHERE ticket = %(ticket)s""",
                {"text": text, "ticket": strange.ticket},
            )
            for path in (f"/jobs/{strange.ticket}", f"/jobs/{strange.ticket}/hold", "/jobs?only=held", ""):
                page.goto(f"{site.at.ingest}/admin{path}")
                assert page.locator("script").count() == 0, text
                assert page.locator("iframe, object, embed, base, marquee").count() == 0, text
            assert (MARK in page.content()) == (MARK in text), "it is shown as the text that it is"
        database.execute("UPDATE jobs SET hold_reason = NULL WHERE ticket = %s", [strange.ticket])
        visit.clean()
