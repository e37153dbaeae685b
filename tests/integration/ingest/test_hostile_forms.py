"""What a stranger writes into a form is text wherever it stands: the address, the shop's page, the office's fields."""

from collections.abc import Iterator
from html.parser import HTMLParser
from urllib.parse import quote, urlsplit

import pytest
import requests

from tests.acceptance.browser.attempts import HEADERS, MARK, SCRIPTS
from tests.integration.ingest.desk import Admin, words
from tests.integration.ingest.finished import change, deliver
from tests.integration.ingest.shop import DANDELIONS, Shop, signer
from tests.integration.sandbox.standin import encoded, photograph

ATTEMPTS = SCRIPTS + HEADERS
HARMLESS = "a few plain words"
# addresses by RFC 5321 all the same: nothing but what surrounds them keeps them harmless
ADDRESSES = ("{{7733+1}}", "${7733+1}", "'onfocus=alert`7734`'", "=7733+1")
NUMBER = 990_001
LEADING = {"href", "src", "action", "formaction", "poster", "data"}


class _Kinds(HTMLParser):
    """The kinds of tags of a page, each with its attributes' names and where these lead by: no text changes them."""

    def __init__(self, page: requests.Response) -> None:
        super().__init__()
        self.found: set[tuple[str, ...]] = set()
        self.feed(page.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = [f"{name}={urlsplit(value or '').scheme}" if name in LEADING else name for name, value in attrs]
        self.found.add((tag, *named))


def _kinds(page: requests.Response) -> set[tuple[str, ...]]:
    return _Kinds(page).found


def _is_quiet(answer: requests.Response) -> None:
    """A refusal that repeats nothing of what was sent."""
    assert MARK not in answer.text + str(answer.headers)
    assert "own=1" not in str(answer.headers)
    assert "evil" not in answer.text + str(answer.headers)


def test_what_is_no_address_is_neither_kept_nor_repeated(shop: Shop) -> None:
    ticket = shop.paid()
    for text in ATTEMPTS:
        answer = shop.post(f"/jobs/{ticket}/address", data={"email": text})
        assert answer.status_code == 400, text
        _is_quiet(answer)
    assert shop.rows("SELECT * FROM address_wishes WHERE job_id = %s", shop.job(ticket)["job_id"]) == []


def test_an_address_that_looks_like_a_program_is_text(shop: Shop) -> None:
    ticket = shop.paid()
    link = f"/address/{signer.sign('address', shop.job(ticket)['job_id'], 1)}"
    assert shop.post(f"/jobs/{ticket}/address", data={"email": "mia@customer.example"}).status_code == 303
    quiet = [_kinds(shop.get(path)) for path in (f"/jobs/{ticket}", link)]
    for number, text in enumerate(ADDRESSES, 2):
        answer = shop.post(f"/jobs/{ticket}/address", data={"email": f"{text}@customer.example"})
        assert answer.status_code == 303, text
        link = f"/address/{signer.sign('address', shop.job(ticket)['job_id'], number)}"
        pages = [shop.get(path) for path in (f"/jobs/{ticket}", link)]
        assert [_kinds(page) for page in pages] == quiet, text
        for page in pages:
            assert f"{text[0]}…@customer.example" in words(page)
            assert MARK not in page.text


@pytest.fixture
def for_sale(shop: Shop) -> Iterator[list[str]]:
    """The pages on which a picture of ours stands."""
    shop.rows(
        """INSERT INTO pictures (attachment_id, source_url, width, height, origin, title)
           VALUES (%s, %s, 400, 300, 'imported', %s)""",
        NUMBER, f"{shop.wordpress.url}/cat.jpg", HARMLESS,
    )  # fmt: skip
    yield [f"/shop?after={NUMBER - 1}", f"/shop/pictures/{NUMBER}"]
    shop.rows("DELETE FROM pictures WHERE attachment_id = %s", NUMBER)


def test_a_title_of_a_picture_is_text(shop: Shop, for_sale: list[str]) -> None:
    """And so are its addresses, which the shop's owner imports as they are."""
    quiet = [_kinds(shop.get(path)) for path in for_sale]
    for text in (written.replace("\0", "") for written in ATTEMPTS):
        shop.rows(
            "UPDATE pictures SET title = %s, thumbnail_url = %s WHERE attachment_id = %s",
            text, f"{shop.wordpress.url}/{''.join(text.split())}", NUMBER,
        )  # fmt: skip
        pages = [shop.get(path) for path in for_sale]
        assert [_kinds(page) for page in pages] == quiet, text
        for page in pages:
            assert " ".join(text.split()) in words(page), "it is shown as the text that it is"
            assert "unsafe" not in page.headers["Content-Security-Policy"]


def test_the_form_of_the_shop_repeats_nothing(shop: Shop) -> None:
    for text in ATTEMPTS:
        for form in ({"resolution": text}, {"resolution": "4x", "email": text}):
            answer = shop.post(f"/shop/pictures/{DANDELIONS}", data=form)
            assert answer.status_code == 400, form
            _is_quiet(answer)
        for path in (f"/shop/pictures/{quote(text, safe='')}", f"/shop/uploads/{quote(text, safe='')}"):
            answer = shop.get(path)
            assert answer.status_code in {400, 404}, path
            _is_quiet(answer)


def test_a_name_of_a_file_goes_nowhere(shop: Shop) -> None:
    picture = encoded(photograph((400, 300)), "JPEG")
    plain = shop.post("/shop/upload", files={"image": ("cat.jpg", picture, "image/jpeg")})
    quiet = _kinds(shop.get(plain.headers["Location"]))
    for at, name in enumerate((*HEADERS, *SCRIPTS[::3], f"../../{MARK}.py", f"{MARK}.jpg\0.py")):
        refused = shop.post("/shop/upload", files={"image": (name, b"no picture", "text/html")})
        assert refused.status_code == 422, name
        _is_quiet(refused)
        if at % 4:
            continue
        taken = shop.post("/shop/upload", files={"image": (name, picture, "image/jpeg")})
        assert taken.status_code == 303, name
        page = shop.get(taken.headers["Location"])
        assert _kinds(page) == quiet, name
        _is_quiet(page)
    assert [path for path in shop.storage.rglob("*") if MARK in path.name] == []


@pytest.fixture
def admin(shop: Shop) -> Admin:
    signed_in = Admin(shop)
    signed_in.sign_in()
    return signed_in


def test_a_reason_of_the_office_is_text(admin: Admin, shop: Shop) -> None:
    """Where it was accepted, where it was refused and stands in the form again, and in every list of decisions."""
    ticket = shop.paid()
    pages = (f"/admin/jobs/{ticket}", "/admin/operation", "/admin")

    def give(reason: str) -> list[requests.Response]:
        change(shop, ticket, hold_reason=None)
        answer = admin.send(f"/admin/jobs/{ticket}/hold", reason=reason, review="8h")
        assert answer.status_code == 303, reason
        refused = admin.send(f"/admin/jobs/{ticket}/email", reason=reason, address=reason)
        assert refused.status_code == 409, reason
        return [refused, *(admin.get(path) for path in pages)]

    quiet = [_kinds(page) for page in give(HARMLESS)]
    for text in ATTEMPTS:
        shown = give(text)
        assert [_kinds(page) for page in shown] == quiet, text
        assert " ".join(text.replace("\0", "").split()) in words(shown[1]), "it is shown as the text that it is"
    change(shop, ticket, hold_reason=None)


def test_a_comment_of_a_customer_is_text(admin: Admin, shop: Shop) -> None:
    ticket = shop.paid()
    deliver(shop, ticket)
    pages = (f"/admin/jobs/{ticket}", "/admin/reports")

    def write(comment: str) -> list[requests.Response]:
        answer = shop.post(f"/jobs/{ticket}/rating", data={"stars": "2", "comment": comment})
        assert answer.status_code == 303, comment
        return [shop.get(f"/jobs/{ticket}"), *(admin.get(path) for path in pages)]

    quiet = [_kinds(page) for page in write(HARMLESS)]
    for text in ATTEMPTS:
        shown = write(text)
        assert [_kinds(page) for page in shown] == quiet, text
        assert " ".join(text.replace("\0", "").split()) in words(shown[1]), "it is shown as the text that it is"


def test_what_is_looked_for_in_the_office_is_text(admin: Admin) -> None:
    fields = ("text", "status", "stage", "only", "since", "until", "after")
    pages = [f"/admin/jobs?{field}=" for field in fields] + ["/admin/dead/replay?id=", "/admin/reports?month="]
    quiet = {path: _kinds(admin.get(f"{path}{quote('no-such-thing')}")) for path in pages}
    for text in ATTEMPTS:
        for path in pages:
            page = admin.get(f"{path}{quote(text, safe='')}")
            assert page.status_code in {200, 400, 404, 409}, (path, text)
            assert _kinds(page) == quiet[path], (path, text)
            assert "own=1" not in str(page.headers)


@pytest.mark.parametrize("name", SCRIPTS[::6])
def test_a_name_at_the_sign_in_is_text(shop: Shop, admin: Admin, name: str) -> None:
    quiet = _kinds(admin.get("/admin/reports"))
    strange = Admin(shop)
    answer = strange.sign_in(actor=name, next=name)
    if answer.status_code == 400:  # not printable, or too long for the record
        _is_quiet(answer)
        return
    assert answer.headers["Location"] == "/admin"
    page = strange.get("/admin/reports")
    assert _kinds(page) == quiet
    assert " ".join(name.split()) in words(page)
