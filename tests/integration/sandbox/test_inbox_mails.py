"""The inbox takes every mail, tells of it exactly, and shows it without trusting it."""

import io
import re
import smtplib
from collections.abc import Iterator
from email.message import EmailMessage
from typing import Any

import pytest
import requests

from tests.integration.sandbox.standin import StandIn, encoded, free_port, photograph, running

HOSTILE = """<!doctype html><html><head><title>x</title></head><body onload="top.location='/'">
<script>document.title = 'taken over'; fetch('/api/mails', {method: 'DELETE'})</script>
<img src="cid:photo@test" onerror="alert(1)"><a href="https://example.org/">a link</a></body></html>"""


@pytest.fixture(scope="module")
def ports() -> tuple[int, int]:
    return free_port(), free_port()


@pytest.fixture(scope="module")
def inbox(ports: tuple[int, int]) -> Iterator[StandIn]:
    smtp, page = ports
    settings = {"SANDBOX_SMTP_PORT": str(smtp), "SANDBOX_INBOX_PORT": str(page)}
    with running("sandbox.inbox", page, settings) as stand_in:
        yield stand_in


@pytest.fixture(autouse=True)
def _empty(inbox: StandIn) -> None:
    requests.delete(f"{inbox.url}/api/mails", timeout=10)


@pytest.fixture
def sender(inbox: StandIn, ports: tuple[int, int]) -> Iterator[smtplib.SMTP]:
    assert inbox.process.poll() is None
    with smtplib.SMTP("127.0.0.1", ports[0], timeout=10) as client:
        yield client


def mail(
    to: str = "anna@example.org", subject: str = "Ihr Bild ist fertig \N{EN DASH} viermal so groß"
) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "shop@example.org", to, subject
    message["Message-ID"] = "<one@test>"
    message.set_content("Grüße aus der Werkstatt\n")
    message.add_alternative(HOSTILE, subtype="html")
    picture = encoded(photograph())
    html = message.get_body(("html",))
    assert isinstance(html, EmailMessage)
    html.add_related(picture, "image", "png", cid="<photo@test>")
    message.add_attachment("<svg onload='alert(1)'/>", subtype="svg+xml", filename="evil.svg")
    return message


def only(inbox: StandIn) -> dict[str, Any]:
    (single,) = inbox.get("/api/mails")
    assert isinstance(single, dict)
    return single


def fetched(inbox: StandIn, path: str) -> requests.Response:
    return requests.get(inbox.url + path, timeout=10)


def test_a_mail_is_told_of_as_it_came(inbox: StandIn, sender: smtplib.SMTP) -> None:
    sender.send_message(mail(), to_addrs=["anna@example.org", "hidden@example.org"])
    taken = only(inbox)
    assert (taken["from"], taken["to"]) == ("shop@example.org", ["anna@example.org", "hidden@example.org"])
    assert (taken["subject"], taken["message_id"]) == ("Ihr Bild ist fertig \N{EN DASH} viermal so groß", "<one@test>")
    assert taken["text"].strip() == "Grüße aus der Werkstatt"
    assert "<title>x</title>" in taken["html"]
    assert ["To", "anna@example.org"] in taken["headers"]
    assert taken["size"] == len(fetched(inbox, f"/api/mails/{taken['id']}/raw").content)
    assert inbox.get(f"/api/mails/{taken['id']}") == taken


def test_parts_are_listed_and_their_pictures_shown(inbox: StandIn, sender: smtplib.SMTP) -> None:
    sender.send_message(mail())
    taken = only(inbox)
    picture, evil = taken["parts"]
    assert (picture["content_type"], picture["content_id"], picture["inline"]) == ("image/png", "photo@test", True)
    assert (evil["filename"], evil["inline"]) == ("evil.svg", False)
    html = fetched(inbox, f"/api/mails/{taken['id']}/html").text
    (route,) = re.findall(r'img src="([^"]+)"', html)
    assert fetched(inbox, route).content == encoded(photograph())


def test_a_hostile_mail_may_run_nothing(inbox: StandIn, sender: smtplib.SMTP) -> None:
    sender.send_message(mail())
    number = only(inbox)["id"]
    policy = fetched(inbox, f"/api/mails/{number}/html").headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script" not in policy
    page = fetched(inbox, f"/mails/{number}")
    assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in page.text
    assert "unsafe" not in page.headers["Content-Security-Policy"]
    evil = fetched(inbox, f"/api/mails/{number}/parts/1")
    assert evil.headers["Content-Type"] == "application/octet-stream"
    assert evil.headers["Content-Disposition"] == "attachment"


def test_what_a_mail_says_is_escaped_on_the_page(inbox: StandIn, sender: smtplib.SMTP) -> None:
    sender.send_message(mail(subject="<script>alert(1)</script>"))
    page = fetched(inbox, "/").text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script>alert" not in page


def test_mails_can_be_filtered_by_recipient_and_removed(inbox: StandIn, sender: smtplib.SMTP) -> None:
    sender.send_message(mail("anna@example.org"))
    sender.send_message(mail("bert@example.org"))
    assert [one["to"] for one in inbox.get("/api/mails?to=Bert@example.org")] == [["bert@example.org"]]
    assert fetched(inbox, "/?to=bert@example.org").text.count('class="item"') == 1
    requests.delete(f"{inbox.url}/api/mails", timeout=10)
    assert inbox.get("/api/mails") == []
    assert fetched(inbox, "/").status_code == 200


def test_any_login_is_taken_and_none_is_needed(inbox: StandIn, sender: smtplib.SMTP) -> None:
    sender.login("anybody", "any password")
    sender.send_message(mail())
    assert only(inbox)["subject"]


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"no headers at all",
        b"Subject: =?utf-9?q?broken?=\r\nFrom: <<>>\r\nContent-Type: text/html; charset=martian\r\n\r\n<b>\xff</b>",
        b"Message-ID: <[\r\nDate: never\r\nContent-Type: multipart/mixed\r\n\r\nno boundary",
    ],
    ids=["empty", "no headers", "unknown character sets", "broken structure"],
)
def test_a_broken_mail_is_taken_and_shown(inbox: StandIn, sender: smtplib.SMTP, raw: bytes) -> None:
    sender.sendmail("a@example.org", ["b@example.org"], raw)
    taken = only(inbox)
    assert fetched(inbox, "/").status_code == 200
    assert fetched(inbox, f"/api/mails/{taken['id']}/html").status_code == 200


def test_a_missing_mail_or_part_is_404(inbox: StandIn, sender: smtplib.SMTP) -> None:
    sender.send_message(mail())
    number = only(inbox)["id"]
    paths = ["/mails/0", "/api/mails/0", "/api/mails/0/raw", f"/api/mails/{number}/parts/9"]
    assert {fetched(inbox, path).status_code for path in paths} == {404}


def test_a_large_mail_comes_whole(inbox: StandIn, sender: smtplib.SMTP) -> None:
    message = mail()
    message.add_attachment(io.BytesIO(bytes(range(256)) * 20_000).read(), "application", "zip", filename="a.zip")
    sender.send_message(message)
    assert only(inbox)["parts"][-1]["size"] == 256 * 20_000
