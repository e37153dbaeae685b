"""The pictures of the admin's pages: signing in, the overview, the list, an order, a decision, letters, a report."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import requests
from playwright.sync_api import Browser, Page

from cli.customer import Customer, Purchase
from common.confirms import Message
from common.inspection import look as inspected
from local.processes import await_condition
from local.stack import Stack
from tests.acceptance.browser.watching import visitor

CAT, RACCOON = 105, 102


class Keep(Protocol):
    """Keeps what is seen of a page, or the `whole` of it."""

    def __call__(self, page: Page, path: Path, *, whole: bool = True) -> None: ...


def office(browser: Browser, stack: Stack, to: Path, looks: Mapping[str, dict[str, Any]], keep: Keep) -> None:
    """Around a delivered order, one that is held, one that nobody has paid, and a message that nobody can use."""
    customer = Customer(stack)
    shown = customer.order(CAT, "4x", "mia@shop.example")
    customer.pay(shown)
    customer.order(CAT, "8x", "ada@shop.example")
    await_condition(lambda: customer.status(shown)["status"] == "completed", 90, "the order to be delivered")
    _held(stack, customer)
    with inspected(stack.amqp_url) as broker:
        broker.say(Message("payment.completed", b'{"job": "what the shop calls it"}'))
    for look, options in looks.items():
        with visitor(browser, **options) as visit:
            page = visit.open(f"{stack.at.ingest}/admin")
            if look != "phone":
                keep(page, to / f"office-sign-in.{look}.webp")
            page.get_by_label("Your name").fill("anna")
            page.get_by_label("Token").fill(stack.known.admin_token)
            page.get_by_role("button", name="Sign in").click()
            page.wait_for_url("**/admin")
            for name, path in _pages(shown, look).items():
                page.goto(f"{stack.at.ingest}/admin{path}")
                page.wait_for_load_state("networkidle")
                keep(page, to / f"office-{name}.{look}.webp", whole=name != "order" or look == "desktop")


def _pages(shown: Purchase, look: str) -> dict[str, str]:
    pages = {"overview": "", "orders": "/jobs", "order": f"/jobs/{shown.ticket}"}
    if look != "phone":
        pages |= {"dead": "/dead", "operation": "/operation"}
    return pages | ({"refund": f"/jobs/{shown.ticket}/refund", "report": "/reports"} if look == "desktop" else {})


def _held(stack: Stack, customer: Customer) -> None:
    """An order that waits for a person."""
    held = customer.order(RACCOON, "4x", "noah@shop.example")
    customer.pay(held)
    answer = requests.post(
        f"{stack.at.ingest}/admin/api/jobs/{held.ticket}/hold",
        json={"reason": "the customer's bank called"},
        headers={"Authorization": f"Bearer {stack.known.admin_token}", "X-Admin-Actor": "anna"},
        timeout=20,
    )
    answer.raise_for_status()
