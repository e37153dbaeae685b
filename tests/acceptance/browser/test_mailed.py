"""What mails lead to, in a real browser: machines that open every link, an address that was mistyped, an old link."""

from pathlib import Path
from typing import Any

import psycopg
import requests
from playwright.sync_api import Browser, Page, expect

from cli.customer import Customer, Purchase
from local.processes import await_condition
from local.stack import Stack
from tests.acceptance.browser.letters import arrived, links
from tests.acceptance.browser.watching import accessible, fits, visitor

PHONE = {"width": 390, "height": 844}
READY = "enlargement is ready"


def _delivered(site: Stack, email: str) -> Purchase:
    customer = Customer(site)
    purchase = customer.order(105, "4x", email)
    customer.pay(purchase)
    await_condition(lambda: customer.status(purchase)["status"] == "completed", 60, "the order to be delivered")
    return purchase


def _rows(site: Stack, ticket: str) -> list[Any]:
    """All that opening a link could change."""
    with psycopg.connect(site.database_url, autocommit=True) as connection:
        return connection.execute(
            """SELECT j.ticket, j.email, j.stage, j.version, l.generation, l.downloads, l.expires_at, l.revoked_at,
                      (SELECT count(*) FROM job_events e WHERE e.job_id = j.job_id),
                      (SELECT count(*) FROM mails m WHERE m.job_id = j.job_id),
                      (SELECT count(*) FROM ratings r WHERE r.job_id = j.job_id),
                      (SELECT count(*) FROM address_wishes w WHERE w.job_id = j.job_id AND w.confirmed_at IS NOT NULL)
               FROM jobs j JOIN links l USING (job_id) WHERE j.ticket = %s""",
            (ticket,),
        ).fetchall()


def _scan(browser: Browser, addresses: list[str]) -> None:
    """As mail scanners do: HEAD, many GETs, and a headless browser with nobody in front of it."""
    for address in addresses:
        assert requests.head(address, timeout=20, allow_redirects=True).ok, address
        for _ in range(10):
            assert requests.get(address, timeout=20).ok, address
        with visitor(browser) as visit:
            visit.open(address).wait_for_load_state("networkidle")


def _save(page: Page, tmp_path: Path) -> int:
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the picture").click()
    download.value.save_as(tmp_path / "picture")
    return (tmp_path / "picture").stat().st_size


def test_machines_that_open_every_link_use_nothing_up(site: Stack, browser: Browser, tmp_path: Path) -> None:
    purchase = _delivered(site, "scanned@customer.example")
    found = links(site, arrived(site, purchase.email, READY))
    assert {address.removeprefix(site.at.ingest).split("/")[1] for address in found} == {"d", "jobs"}
    await_condition(lambda: _rows(site, purchase.ticket)[0][2] == "remind", 20, "the mail to be noted")
    before = _rows(site, purchase.ticket)
    _scan(browser, found)
    assert _rows(site, purchase.ticket) == before
    with visitor(browser) as visit:
        page = visit.open(next(address for address in found if "/d/" in address))
        assert _save(page, tmp_path) > 100_000
        visit.clean()
    await_condition(lambda: _rows(site, purchase.ticket)[0][5] == 1, 20, "the customer's own download to be counted")


def test_a_mistyped_address_is_corrected_without_javascript(site: Stack, browser: Browser, tmp_path: Path) -> None:
    wrong, right = "mi@customer.exmaple", "mi@customer.example"
    purchase = _delivered(site, wrong)
    old = next(address for address in links(site, arrived(site, wrong, READY)) if "/d/" in address)
    with visitor(browser, java_script_enabled=False, viewport=PHONE, color_scheme="dark") as visit:
        page = visit.open(f"{site.at.ingest}/jobs/{purchase.ticket}")
        page.get_by_text("The address is wrong").click()
        page.get_by_label("Your right e-mail address").fill(right)
        fits(page)
        page.get_by_role("button", name="Send the mail").click()
        expect(page.get_by_text("We have sent a mail to m…@customer.example")).to_be_visible()
        confirming = links(site, arrived(site, right, "Confirm your address"))
        assert [address.split("/")[3] for address in confirming] == ["address"], "a stranger may read it"
        before = _rows(site, purchase.ticket)
        _scan(browser, confirming)
        assert _rows(site, purchase.ticket) == before
        page.goto(confirming[0])
        fits(page)
        page.get_by_role("button", name="Confirm this address").click()
        expect(page.get_by_role("heading", name="Your enlargement is ready")).to_be_visible()
        assert purchase.ticket not in page.url, "the old address knows that page"
        visit.clean()
    new = next(address for address in links(site, arrived(site, right, READY)) if "/d/" in address)
    assert requests.get(old, timeout=20).status_code == 410
    assert requests.get(f"{site.at.ingest}/jobs/{purchase.ticket}", timeout=20).status_code == 404
    with visitor(browser) as visit:
        assert _save(visit.open(new), tmp_path) > 100_000


def test_the_forms_of_the_address_are_accessible(site: Stack, browser: Browser) -> None:
    purchase = _delivered(site, "axe@customer.exmaple")
    with visitor(browser) as visit:
        page = visit.open(f"{site.at.ingest}/jobs/{purchase.ticket}")
        page.get_by_text("The address is wrong").click()
        accessible(page)
        page.get_by_label("Your right e-mail address").fill("axe@customer.example")
        page.get_by_role("button", name="Send the mail").click()
        accessible(page)
        page.goto(links(site, arrived(site, "axe@customer.example", "Confirm your address"))[0])
        accessible(page)
        visit.clean()


def test_an_old_link_is_renewed_by_its_button(site: Stack, browser: Browser, tmp_path: Path) -> None:
    purchase = _delivered(site, "renewed@customer.example")
    old = next(address for address in links(site, arrived(site, purchase.email, READY)) if "/d/" in address)
    await_condition(lambda: _rows(site, purchase.ticket)[0][2] == "remind", 20, "the mail to be noted")
    with psycopg.connect(site.database_url, autocommit=True) as connection:
        connection.execute(
            """UPDATE links SET expires_at = now() - interval '1 s'
               WHERE job_id = (SELECT job_id FROM jobs WHERE ticket = %s)""",
            (purchase.ticket,),
        )
    with visitor(browser, java_script_enabled=False) as visit:
        page = visit.open(old)
        page.get_by_role("button", name="Send me a fresh link").click()
        expect(page.get_by_text("We have sent a fresh link to r…@customer.example")).to_be_visible()
    mail = arrived(site, purchase.email, READY, count=2)
    new = next(address for address in links(site, mail) if "/d/" in address)
    assert new != old
    with visitor(browser) as visit:
        assert _save(visit.open(new), tmp_path) > 100_000
        visit.clean()


def test_a_customer_rates_and_says_why(site: Stack, browser: Browser) -> None:
    purchase = _delivered(site, "rates@customer.example")
    address = next(link for link in links(site, arrived(site, purchase.email, READY)) if link.endswith("#rating"))
    with visitor(browser, viewport=PHONE) as visit:
        page = visit.open(address)
        page.get_by_label("4", exact=True).check()
        page.get_by_label("A comment, if you like").fill("Sharp <b>and</b> quick")
        accessible(page)
        fits(page)
        page.get_by_role("button", name="Send your rating").click()
        expect(page.get_by_role("button", name="Change your rating")).to_be_visible()
        expect(page.get_by_label("4", exact=True)).to_be_checked()
        expect(page.get_by_label("A comment, if you like")).to_have_value("Sharp <b>and</b> quick")
        visit.clean()
