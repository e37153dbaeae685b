"""Letters: every kind is complete, an unknown value is an error, and no name or address becomes a header."""

from dataclasses import replace
from typing import Any

import pytest
from jinja2 import UndefinedError

from common.language import LANGUAGES
from common.wording import REASONS, REFUND_SHOWS, megabytes, money
from services.notifier.letters import TEMPLATES, Letter, Letters
from services.notifier.samples import LINK, samples

LETTERS = Letters("orders@example.com", "Fox & Sons", "help@example.com", "https://shop.example/terms")
VALUES = samples("en")
EVERY = pytest.mark.parametrize("kind", VALUES)


def _letter(kind: str, recipient: str = "kim@example.com", **changes: Any) -> Letter:
    return Letter(kind, recipient, f"<{kind}.1@example.com>", "en", VALUES[kind] | changes)


def _parts(kind: str, **changes: Any) -> tuple[str, str]:
    message = LETTERS.render(_letter(kind, **changes))
    texts = {part.get_content_type(): str(part.get_content()) for part in message.iter_parts()}
    return texts["text/plain"], texts["text/html"]


def test_every_kind_has_a_sample_to_look_at() -> None:
    kinds = {path.stem for path in TEMPLATES.glob("[!_]*.html")}

    assert kinds == {path.stem for path in TEMPLATES.glob("[!_]*.txt")}
    assert all(set(samples(language)) == kinds for language in LANGUAGES)


@EVERY
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_kind_is_whole_in_every_language(kind: str, language: str) -> None:
    message = LETTERS.render(Letter(kind, "kim@example.com", "<1@example.com>", language, samples(language)[kind]))

    assert message["Content-Language"] == language
    for part in message.iter_parts():
        assert "%(" not in str(part.get_content())


@EVERY
def test_the_first_lines_of_an_inbox_are_the_preheader(kind: str) -> None:
    _, html = _parts(kind)

    assert len(html.partition('class="preheader"')[2].partition("</div>")[0].partition(">")[2].strip()) > 20


@EVERY
def test_every_kind_has_its_headers(kind: str) -> None:
    message = LETTERS.render(_letter(kind))

    assert message["To"] == "kim@example.com"
    assert message["From"] == "Fox & Sons <orders@example.com>"
    assert message["Message-ID"] == f"<{kind}.1@example.com>"
    assert message["Reply-To"] == "help@example.com"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Subject"].strip()


@EVERY
def test_every_kind_says_the_same_as_text_and_as_html(kind: str) -> None:
    text, html = _parts(kind)

    for body in (text, html):
        assert "{{" not in body
        assert "{%" not in body
    assert "<style>" not in html, "styles are inlined"


SAID = [("ready", LINK["download_url"]), ("ready", "2 March 2026, 10:00 UTC"), ("expiring", LINK["download_url"]),
        ("refunded", "$1.92"), ("refunded", REASONS["timeout"]), ("attention", VALUES["attention"]["admin_url"]),
        ("ready", LINK["status_url"]), ("refunded", REFUND_SHOWS), ("expiring", "2 March 2026, 10:00 UTC"),
        ("ready", "1,600 \N{MULTIPLICATION SIGN} 1,200 pixels"), ("ready", "3.1 MB")]  # fmt: skip


@pytest.mark.parametrize(("kind", "said"), SAID)
def test_what_people_need_stands_in_both_parts(kind: str, said: str) -> None:
    text, html = _parts(kind)

    assert said in " ".join(text.split())
    assert said in " ".join(html.split())


def test_the_ready_mail_shows_the_small_picture_where_there_is_one() -> None:
    _, shown = _parts("ready")
    assert f'<img src="{LINK["preview_url"]}"' in shown

    _, bare = _parts("ready", preview_url=None)
    assert "<img" not in bare


def test_a_german_customer_reads_german() -> None:
    message = LETTERS.render(replace(_letter("ready"), locale="de"))
    text, html = (str(part.get_content()) for part in message.iter_parts())

    assert message["Subject"] == "Ihre 4-fache Vergrößerung ist fertig"
    assert "2. März 2026, 10:00 Uhr UTC" in text
    assert "1.600 \N{MULTIPLICATION SIGN} 1.200 Pixel" in html
    assert '<html lang="de"' in html


NEEDLESS = {("attention", "status_url"), ("expiring", "file_size"), ("expiring", "preview_url")}  # fmt: skip
REQUIRED = [(kind, name) for kind, values in VALUES.items() for name in values
            if (kind, name) not in NEEDLESS]  # fmt: skip


@pytest.mark.parametrize(("kind", "name"), REQUIRED)
def test_a_value_that_is_missing_is_an_error_and_no_hole(kind: str, name: str) -> None:
    values = {key: value for key, value in VALUES[kind].items() if key != name}

    with pytest.raises(UndefinedError):
        LETTERS.render(Letter(kind, "kim@example.com", "<1@example.com>", "en", values))


INJECTED = ["kim@example.com\r\nBcc: all@example.com", "kim@example.com\nBcc: x@example.com", "a@b.example\r\n\r\nbody"]


@pytest.mark.parametrize("recipient", INJECTED)
def test_an_address_with_a_line_break_is_refused(recipient: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        LETTERS.render(_letter("ready", recipient))


@pytest.mark.parametrize("break_", ["\r\n", "\n", "\r"])
def test_no_value_adds_a_header_through_the_subject(break_: str) -> None:
    try:
        raw = LETTERS.render(_letter("refunded", currency=f"$1{break_}Bcc: all@example.com")).as_bytes()
    except ValueError:
        return  # refused as a whole is as good
    assert b"\nBcc:" not in raw.partition(b"\r\n\r\n")[0].partition(b"\n\n")[0]


def test_a_shops_name_with_a_line_break_stops_the_start() -> None:
    with pytest.raises(ValueError, match=r".+"):
        Letters("orders@example.com", "Shop\r\nBcc: all@example.com", "help@example.com", None)


def test_what_others_wrote_is_escaped() -> None:
    odd = [{"reason": "held", "detail": "looks <b>odd</b>", "since": LINK["expires_at"]}]
    _, html = _parts("attention", reasons=odd)

    assert "<b>odd</b>" not in html
    assert "&lt;b&gt;odd" in html


def test_every_reason_for_a_refund_has_words() -> None:
    emitted = {"provider_failed", "picture_refused", "timeout", "promise", "check_failed", "result_gone",
               "attempts_used_up"}  # fmt: skip

    assert emitted <= set(REASONS)
    assert all(text.endswith(".") and text[0].isupper() for text in REASONS.values())


@pytest.mark.parametrize(("cents", "text"), [(192, "$1.92"), (5, "$0.05"), (123456, "$1,234.56"), (0, "$0.00")])
def test_money_reads_as_people_write_it(cents: int, text: str) -> None:
    assert money(cents, "usd", "en") == text


@pytest.mark.parametrize(("size", "text"), [(0, "0.1"), (49_999, "0.1"), (3_140_000, "3.1"), (1_500_000_000, "1,500")])
def test_a_size_reads_in_megabytes(size: int, text: str) -> None:
    assert megabytes(size, "en") == text
