"""How an order may end, as its customer sees it in a real browser."""

import psycopg
from playwright.sync_api import Browser, expect

from cli.customer import Customer, Purchase
from cli.observer import Observer
from local.processes import await_condition
from local.stack import Stack
from tests.acceptance.browser.watching import accessible, fits, visitor

PHONE = {"width": 390, "height": 844}


def _bought(site: Stack, attachment_id: int, ending: str) -> Purchase:
    customer = Customer(site)
    purchase = customer.order(attachment_id, "4x", "lee@customer.example")
    if ending == "refunded":
        Observer(site).fail_at_provider(purchase.source_url.rpartition("/")[2])
    customer.pay(purchase)
    await_condition(lambda: _over(customer.status(purchase), ending), 40, f"the order to be {ending}")
    return purchase


def _over(status: dict[str, str], ending: str) -> bool:
    return ending in {status["status"], status["payment_status"]}


def test_a_failed_order_says_why_and_when_the_money_shows(site: Stack, browser: Browser) -> None:
    purchase = _bought(site, 103, "refunded")
    for look in ({"color_scheme": "light"}, {"color_scheme": "dark", "viewport": PHONE}):
        with visitor(browser, **look) as visit:
            page = visit.open(f"{site.at.ingest}/jobs/{purchase.ticket}")
            expect(page.get_by_role("heading", name="Refunded")).to_be_visible()
            expect(page.get_by_text("within 5 to 10 business days")).to_be_visible()
            accessible(page)
            fits(page)
            visit.clean()


def test_a_page_says_that_the_money_is_coming_and_then_that_it_came(site: Stack, browser: Browser) -> None:
    customer = Customer(site)
    purchase = customer.order(103, "4x", "ada@customer.example")
    Observer(site).fail_at_provider(purchase.source_url.rpartition("/")[2])
    site.worker("finisher").terminate(10)
    try:
        customer.pay(purchase)
        await_condition(lambda: customer.status(purchase)["status"] == "failed", 40, "the order to fail")
        visit_page = f"{site.at.ingest}/jobs/{purchase.ticket}"
        with visitor(browser, viewport=PHONE, color_scheme="dark") as visit:
            page = visit.open(visit_page)
            expect(page.get_by_role("heading", name="This one did not work")).to_be_visible()
            expect(page.get_by_text("Your refund is on its way")).to_be_visible()
            accessible(page)
            fits(page)
            site.worker("finisher").start()
            expect(page.get_by_role("heading", name="Refunded")).to_be_visible(timeout=45_000)
            visit.clean()
    finally:
        site.worker("finisher").wait_ready()


def test_an_expired_link_says_so_on_both_pages(site: Stack, browser: Browser) -> None:
    purchase = _bought(site, 105, "completed")
    link = Customer(site).status(purchase)["download_url"]
    mailed = lambda: Observer(site).order(purchase.ticket)["stage"] == "remind"  # noqa: E731 - the condition's name
    await_condition(mailed, 20, "the mail, from which on the link's time runs")
    with psycopg.connect(site.database_url, autocommit=True) as connection:
        connection.execute(
            """UPDATE links SET expires_at = now() - interval '1 s'
               WHERE job_id = (SELECT job_id FROM jobs WHERE ticket = %s)""",
            (purchase.ticket,),
        )
    with visitor(browser) as visit:
        page = visit.open(f"{site.at.ingest}/jobs/{purchase.ticket}")
        expect(page.get_by_text("The time of the download link is over")).to_be_visible()
        accessible(page)
        visit.clean()
        page.goto(link)
        expect(page.get_by_role("heading", name="The time of this download link is over.")).to_be_visible()
        accessible(page)


def test_a_customer_cancels_on_the_page_and_is_refunded(site: Stack, browser: Browser) -> None:
    site.worker("submitter").terminate(10)
    try:
        customer = Customer(site)
        purchase = customer.order(105, "4x", "sam@customer.example")
        customer.pay(purchase)
        with visitor(browser) as visit:
            page = visit.open(f"{site.at.ingest}/jobs/{purchase.ticket}")
            await_condition(lambda: customer.status(purchase)["payment_status"] == "paid", 10, "the payment")
            page.reload()
            page.get_by_text("Cancel this order").click()
            accessible(page)
            page.get_by_role("button", name="Cancel and refund").click()
            expect(page.get_by_role("heading", name="You cancelled this order")).to_be_visible()
            await_condition(lambda: _over(customer.status(purchase), "refunded"), 20, "the refund")
            visit.clean()
    finally:
        site.worker("submitter").start()
        site.worker("submitter").wait_ready()
