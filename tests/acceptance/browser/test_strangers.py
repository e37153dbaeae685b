"""What strangers write into an order stands on its page as text: nothing runs, nothing leaks, no link moves."""

import re
from urllib.parse import quote

import psycopg
import pytest
import requests
from playwright.sync_api import Browser
from psycopg.types.json import Json

from cli.customer import Customer, Purchase
from local.stack import Stack
from services.ingest.selling.shopfront import SHOWN
from tests.acceptance.browser.attempts import HEADERS, MARK, PATHS, SCRIPTS
from tests.acceptance.browser.watching import visitor

ROUTES = "/wp-json/smi/v1"
EVIL = "evil.example"


@pytest.fixture(scope="module")
def purchase(site: Stack) -> Purchase:
    return Customer(site).order(105, "4x", "eve@customer.example")


def test_there_are_as_many_attempts_as_were_promised() -> None:
    assert len(set(SCRIPTS + HEADERS + PATHS)) > 75


def test_no_text_of_a_stranger_runs_on_any_page(site: Stack, browser: Browser, purchase: Purchase) -> None:
    """Through the address, the reasons of failures, and everything that an address of ours may carry."""
    with psycopg.connect(site.database_url, autocommit=True) as database, visitor(browser) as visit:
        page = visit.open(f"{site.at.ingest}/jobs/{purchase.ticket}")
        for text in SCRIPTS:
            database.execute(
                """UPDATE jobs SET email = %(mail)s, failure_detail = %(text)s, failure_reason = %(text)s,
                                   status = 'processing', stage = 'watch', hold_reason = %(text)s,
                                   promise_at = now() + interval '1 day', wake_at = now() + interval '1 day'
                   WHERE ticket = %(ticket)s""",
                {"mail": f"{text}@{text}", "text": text, "ticket": purchase.ticket},
            )
            database.execute(
                """INSERT INTO job_events (job_id, actor, kind, detail)
                   SELECT job_id, %(text)s, %(text)s, %(detail)s FROM jobs WHERE ticket = %(ticket)s""",
                {"text": text, "detail": Json({"why": text}), "ticket": purchase.ticket},
            )
            page.goto(f"{site.at.ingest}/jobs/{purchase.ticket}?smi_payment={quote(text)}&x={quote(text)}")
            assert page.get_by_role("heading", name="Your enlargement is on its way").count() == 1, text
            shown = page.locator(".promise").text_content() or ""
            assert (MARK in shown) == (MARK in text), "it is shown as the text that it is"
            assert MARK not in page.title()
            assert page.locator("script").count() == 1, text
        visit.clean()


@pytest.mark.usefixtures("purchase")  # its picture is known from then on
def test_no_title_of_a_picture_runs_on_the_shops_page(site: Stack, browser: Browser) -> None:
    """Whoever names the shop's pictures is not who writes its pages: all the titles at once, on wall after wall."""
    first = 880_000
    with psycopg.connect(site.database_url, autocommit=True) as database, visitor(browser) as visit:
        database.cursor().executemany(
            """INSERT INTO pictures (attachment_id, source_url, width, height, origin, title)
               SELECT %(id)s, source_url, width, height, 'imported', %(title)s
               FROM pictures WHERE attachment_id = 105""",
            [{"id": number, "title": text} for number, text in enumerate(SCRIPTS, first + 1)],
        )
        for after in range(first, first + len(SCRIPTS), SHOWN):
            page = visit.open(f"{site.at.ingest}/shop?after={after}")
            shown = page.locator(".wall li span").all_text_contents()
            assert shown == list(SCRIPTS[after - first : after - first + SHOWN]), "each is the text that it is"
            assert page.locator("script, iframe, object, embed, base, marquee").count() == 0
            page.close()
        page = visit.open(f"{site.at.ingest}/shop/pictures/{first + 1}")
        assert page.get_by_role("heading", level=1).text_content() == SCRIPTS[0]
        database.execute("DELETE FROM pictures WHERE attachment_id > %s", [first])
        visit.clean()


def test_no_text_of_a_stranger_runs_in_an_error(site: Stack, browser: Browser) -> None:
    with visitor(browser) as visit:
        page = visit.context.new_page()
        page.on("dialog", lambda dialog: visit.complaints.append(dialog.message))
        for text in SCRIPTS[::6]:
            for path in (f"/jobs/{quote(text, safe='')}", f"/d/{quote(text, safe='')}", f"/{quote(text, safe='')}"):
                page.goto(site.at.ingest + path)
                assert MARK not in page.content()
        visit.clean()


@pytest.mark.parametrize("field", ["email", "resolution", "attachment_id", "post_id", "locale"])
def test_an_answer_never_repeats_what_was_sent(site: Stack, field: str) -> None:
    for text in SCRIPTS + HEADERS:
        form = {"attachment_id": "105", "post_id": "7", "resolution": "4x"} | {field: text}
        answer = requests.post(f"{site.at.ingest}{ROUTES}/create-checkout", data=form, timeout=20)
        if field in {"locale", "post_id"} and answer.ok:
            continue  # an unknown language is English; an empty page is none
        assert answer.status_code == 400, (field, text)
        assert MARK not in answer.text
        assert answer.headers["Content-Type"] == "application/json"
        assert "Set-Cookie" not in answer.headers


def test_a_file_name_is_never_used(site: Stack) -> None:
    for name in (*SCRIPTS[:12], "../../etc/passwd", "a\0b.png", "con.png", "x" * 300):
        answer = requests.post(
            f"{site.at.ingest}{ROUTES}/upload-image", files={"image": (name, b"no picture", "image/png")}, timeout=20
        )
        assert answer.status_code in {400, 422}, name
        assert MARK not in answer.text
        assert "passwd" not in answer.text


@pytest.mark.parametrize("path", PATHS)
def test_no_path_leads_out_of_the_house(site: Stack, path: str) -> None:
    prepared = requests.Request("GET", site.at.ingest).prepare()
    prepared.url = site.at.ingest + path  # as it stands: a client of good manners would tidy it
    with requests.Session() as session:
        answer = session.send(prepared, allow_redirects=False, timeout=20)
    assert answer.status_code in {400, 403, 404, 405}, answer.status_code
    assert not re.search(r"root:|import |Traceback", answer.text)
    assert "Location" not in answer.headers


def test_a_foreign_host_name_moves_no_link(site: Stack, purchase: Purchase) -> None:
    tricks = {"Host": EVIL, "X-Forwarded-Host": EVIL, "X-Forwarded-Proto": "gopher", "Forwarded": f"host={EVIL}",
              "X-Original-URL": "/admin", "X-Rewrite-URL": "/admin", "Referer": f"https://{EVIL}/",
              "Origin": f"https://{EVIL}"}  # fmt: skip
    for name, value in tricks.items():
        for method, path, form in (
            ("GET", f"/jobs/{purchase.ticket}", None),
            ("GET", f"{ROUTES}/job-status/{purchase.ticket}", None),
            ("POST", f"{ROUTES}/create-checkout", {"attachment_id": "105", "resolution": "4x"}),
        ):
            answer = requests.request(method, site.at.ingest + path, data=form, headers={name: value}, timeout=20)
            assert answer.ok
            assert EVIL not in answer.text + str(answer.headers), (name, path)
