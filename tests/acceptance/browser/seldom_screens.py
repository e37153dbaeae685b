"""The pictures of what a customer sees seldom: the way to paying, a mistyped address, a cancelled order, the ends."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psycopg
from playwright.sync_api import Browser

from cli.customer import Customer, Purchase
from cli.observer import Observer
from local.processes import await_condition
from local.stack import Stack
from tests.acceptance.browser.letters import arrived, links
from tests.acceptance.browser.office_screens import Keep
from tests.acceptance.browser.watching import visitor

CAT = 105


def seldom(browser: Browser, stack: Stack, to: Path, looks: Mapping[str, dict[str, Any]], keep: Keep) -> None:
    """German in the dark, English else."""
    _paying(browser, stack, to, looks, keep)
    pages = {
        "error": f"{stack.at.ingest}/jobs/tk_{'0' * 32}",
        "cancelled": _cancelled(stack, browser),
        "expired": _expired(stack),
        "confirming": _confirming(stack, browser),
    }
    for look, options in looks.items():
        for name, address in pages.items():
            with visitor(browser, locale=_locale(look), **options) as visit:
                page = visit.open(address)
                page.wait_for_load_state("networkidle")
                keep(page, to / f"{name}.{look}.webp", whole=False)


def _paying(browser: Browser, stack: Stack, to: Path, looks: Mapping[str, dict[str, Any]], keep: Keep) -> None:
    """The page that moves on to Stripe by itself, which here stays out of reach."""
    for look, options in looks.items():
        with visitor(browser, locale=_locale(look), **options) as visit:
            visit.context.route(f"{stack.at.stripe}/**", lambda route: route.fulfill(status=204))
            page = visit.open(f"{stack.at.ingest}/shop/pictures/{CAT}")
            page.locator("input[type=email]").fill("mia@shop.example")
            page.locator("form button").first.click()
            page.wait_for_load_state("networkidle")
            keep(page, to / f"paying.{look}.webp", whole=False)


def _cancelled(stack: Stack, browser: Browser) -> str:
    submitter = stack.worker("submitter")
    submitter.terminate(10)
    try:
        customer = Customer(stack)
        purchase = _bought(customer, "sam@shop.example", "paid")
        with visitor(browser) as visit:
            page = visit.open(f"{stack.at.ingest}/jobs/{purchase.ticket}")
            page.get_by_text("Cancel this order").click()
            page.get_by_role("button", name="Cancel and refund").click()
            await_condition(lambda: _is(customer, purchase, "refunded"), 60, "the refund")
            return page.url
    finally:
        submitter.start()
        submitter.wait_ready()


def _expired(stack: Stack) -> str:
    customer = Customer(stack)
    purchase = _bought(customer, "lea@shop.example", "completed")
    link = customer.status(purchase)["download_url"]
    mailed = lambda: Observer(stack).order(purchase.ticket)["stage"] == "remind"  # noqa: E731 - the condition's name
    await_condition(mailed, 60, "the mail, from which on the link's time runs")
    with psycopg.connect(stack.database_url, autocommit=True) as connection:
        connection.execute(
            """UPDATE links SET expires_at = now() - interval '1 s'
               WHERE job_id = (SELECT job_id FROM jobs WHERE ticket = %s)""",
            (purchase.ticket,),
        )
    return str(link)


def _confirming(stack: Stack, browser: Browser) -> str:
    right = "ida@shop.example"
    purchase = _bought(Customer(stack), "ida@shop.exmaple", "completed")
    with visitor(browser) as visit:
        page = visit.open(f"{stack.at.ingest}/jobs/{purchase.ticket}")
        page.get_by_text("The address is wrong").click()
        page.get_by_label("Your right e-mail address").fill(right)
        page.get_by_role("button", name="Send the mail").click()
        [address] = links(stack, arrived(stack, right, "Confirm your address"))
    return address


def _bought(customer: Customer, email: str, ending: str) -> Purchase:
    purchase = customer.order(CAT, "4x", email)
    customer.pay(purchase)
    await_condition(lambda: _is(customer, purchase, ending), 90, f"the order to be {ending}")
    return purchase


def _is(customer: Customer, purchase: Purchase, what: str) -> bool:
    status = customer.status(purchase)
    return what in {status["status"], status["payment_status"]}


def _locale(look: str) -> str:
    return "de-DE" if look == "phone-dark" else "en-GB"
