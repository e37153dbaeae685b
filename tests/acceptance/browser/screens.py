"""What `./enlarger screens` does: a real order each, looked at as people look at it, kept as small pictures."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

from cli.customer import Customer, Purchase
from cli.mails import LETTERS
from cli.observer import Observer
from local.browser import chromium
from local.processes import await_condition
from local.servers import Say
from local.stack import Stack
from local.system import system
from services.notifier.letters import Letter
from services.notifier.samples import samples
from tests.acceptance.browser.catalogue import imported
from tests.acceptance.browser.office_screens import office
from tests.acceptance.browser.seldom_screens import seldom
from tests.acceptance.browser.watching import launched, visitor

MOST_BYTES = 120_000
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2}
DESK = {"viewport": {"width": 1200, "height": 900}}
MAIL = {"viewport": {"width": 680, "height": 760}}
DARK: dict[str, Any] = {"color_scheme": "dark"}
LOOKS: Mapping[str, dict[str, Any]] = {
    "desktop": DESK,
    "phone": PHONE,
    "phone-dark": PHONE | DARK,
}
CAT, LAUNCH_PAD = 105, 103
SETTINGS = {"POLL_FIRST_S": "1", "POLL_INTERVAL_S": "1", "SHOP_PAGE": "1"}


def main(folder: Path, to: Path, say: Say) -> None:
    """Make every picture anew in `to`."""
    to.mkdir(parents=True, exist_ok=True)
    path = chromium(say)
    slow = {"SANDBOX_UPSAMPLER_SECONDS": "20"}  # so that an order can be looked at while it is under way
    with system(folder, settings=SETTINGS, sandbox=slow, say=say) as running, sync_playwright() as playwright:
        browser = launched(playwright, path)
        shop(browser, running.stack, to)
        _own_shop(browser, running.stack, to)
        _orders(browser, running.stack, to)
        mails(browser, to)
        seldom(browser, running.stack, to, {name: LOOKS[name] for name in ("desktop", "phone-dark")}, _keep)
        office(browser, running.stack, to, LOOKS, _keep)
        browser.close()
    for picture in sorted(to.glob("*.webp")):
        say(f"{picture.name}: {picture.stat().st_size // 1000} kB")


def shop(browser: Browser, stack: Stack, to: Path) -> None:
    for look, options in LOOKS.items():
        with visitor(browser, **options) as visit:
            page = visit.open(stack.at.shop)
            page.wait_for_load_state("networkidle")
            _keep(page, to / f"shop.{look}.webp", whole=False)
            page.locator(f"[data-attachment-id='{CAT}']").click()
            expect(page.get_by_role("button", name="Buy for $")).to_be_enabled()
            _keep(page, to / f"choosing.{look}.webp", whole=False)


def _own_shop(browser: Browser, stack: Stack, to: Path) -> None:
    """The shop page that ingest has itself, for owners without a site that sells."""
    imported(stack)
    for look, options in LOOKS.items():
        language = "de-DE" if look == "phone-dark" else "en-GB"
        with visitor(browser, locale=language, **options) as visit:
            for name, path in (("own-shop", "/shop"), ("own-choosing", f"/shop/pictures/{CAT}")):
                page = visit.open(f"{stack.at.ingest}{path}")
                page.wait_for_load_state("networkidle")
                _keep(page, to / f"{name}.{look}.webp", whole=False)


def _orders(browser: Browser, stack: Stack, to: Path) -> None:
    customer = Customer(stack)
    good, bad = customer.order(CAT, "4x", "mia@shop.example"), customer.order(LAUNCH_PAD, "4x", "lee@shop.example")
    Observer(stack).fail_at_provider(bad.source_url.rpartition("/")[2])
    for purchase in (good, bad):
        customer.pay(purchase)
    await_condition(lambda: customer.status(good)["stage"] == "processing", 30, "the order to be enlarged")
    _look(browser, stack, good, to, "under-way")
    await_condition(lambda: customer.status(good)["status"] == "completed", 60, "the order to be delivered")
    _look(browser, stack, good, to, "ready")
    await_condition(lambda: customer.status(bad)["payment_status"] == "refunded", 60, "the refund")
    _look(browser, stack, bad, to, "refunded")
    link = customer.status(good)["download_url"]
    for look, options in LOOKS.items():
        with visitor(browser, **options) as visit:
            _keep(visit.open(link), to / f"download.{look}.webp")


def _look(browser: Browser, stack: Stack, purchase: Purchase, to: Path, name: str) -> None:
    for look, options in LOOKS.items():
        language = "de-DE" if look == "phone-dark" else "en-GB"
        with visitor(browser, locale=language, **options) as visit:
            page = visit.open(f"{stack.at.ingest}/jobs/{purchase.ticket}")
            page.wait_for_load_state("networkidle")
            for closed in page.locator("details:not([open]) summary").all()[:1]:
                closed.click()  # so that the form for a mistyped address is seen too
            _keep(page, to / f"{name}.{look}.webp")


def mails(browser: Browser, to: Path) -> None:
    looks: dict[str, dict[str, Any]] = {"desktop": MAIL, "phone-dark": PHONE | DARK}
    for look, options in looks.items():
        language = "de" if look == "phone-dark" else "en"
        for kind, values in samples(language).items():
            letter = Letter(kind, "mia@shop.example", "<sample@shop.example>", language, values)
            body = LETTERS.render(letter).get_body(("html",))
            with visitor(browser, **options) as visit:
                page = visit.context.new_page()
                page.set_content(str(body.get_content()) if body else "")
                _keep(page, to / f"mail-{kind.replace('_', '-')}.{look}.webp")


def _keep(page: Page, path: Path, *, whole: bool = True) -> None:
    """As WebP, as good as `MOST_BYTES` allow."""
    shot = page.screenshot(full_page=whole, animations="disabled")
    with Image.open(io.BytesIO(shot)) as image:
        seen = image.convert("RGB")
    for quality in (88, 75, 60, 45):
        seen.save(path, quality=quality, method=6)
        if path.stat().st_size <= MOST_BYTES:
            return
