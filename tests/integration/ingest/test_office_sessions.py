"""Signing in to the admin's pages: who gets in, for how long, and what a forged request finds."""

from collections.abc import Iterator
from http.cookies import SimpleCookie

import pytest
import requests

from local.broker import Broker
from local.database import Database
from services.ingest.office.signing_in import GUESSES_PER_MIN
from tests.infrastructure import fresh_database
from tests.integration.ingest.desk import Admin, token_of, words
from tests.integration.ingest.shop import Shop, open_shop

PAGES = ("/admin", "/admin/jobs", "/admin/dead", "/admin/operation", "/admin/reports")


@pytest.fixture(scope="module")
def house(broker: Broker, database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A shop behind a proxy with TLS, so that clients have addresses of their own."""
    amqp_url = broker.create_vhost("house")
    folder = tmp_path_factory.mktemp("house")
    settings = {"TRUSTED_PROXIES": "127.0.0.0/8", "PUBLIC_URL": "https://pictures.example"}
    with open_shop(fresh_database(database, "house"), amqp_url, folder, **settings) as opened:
        yield opened
    database.dropdb("house")
    broker.retire_vhost("house")


@pytest.fixture
def admin(shop: Shop) -> Admin:
    signed_in = Admin(shop)
    assert signed_in.sign_in().status_code == 303
    return signed_in


@pytest.mark.parametrize(
    "path", [*PAGES, "/admin/", "/admin/jobs/x", "/admin/jobs/x/refund", "/admin/reports/2026-01/books.csv"]
)
def test_a_stranger_is_led_to_the_sign_in_and_back(shop: Shop, path: str) -> None:
    answer = Admin(shop).get(path)
    assert answer.status_code == 303
    assert answer.headers["Location"] == f"/admin/sign-in?next={path}"


def test_a_stranger_posts_nothing(shop: Shop) -> None:
    for path in ("/admin/jobs/x/refund", "/admin/operation/pause", "/admin/sign-out", "/admin/dead/drop"):
        answer = Admin(shop).post(path, {"form_token": "0" * 64, "what": "all"})
        assert (answer.status_code, answer.headers["Location"]) == (303, "/admin/sign-in")
    assert shop.rows("SELECT * FROM pauses") == []


def test_the_cookie_is_for_this_site_alone_and_no_script(admin: Admin, shop: Shop, house: Shop) -> None:
    for where, secure in ((shop, False), (house, True)):
        answer = Admin(where).sign_in() if not secure else _over_tls(where)
        cookie = SimpleCookie(answer.headers["Set-Cookie"])["enlarger_admin"]
        assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "strict", "/admin")
        assert bool(cookie["secure"]) is secure
        assert 0 < int(cookie["max-age"]) <= 12 * 3600
        assert len(cookie.value) == 64
    [row] = shop.rows("SELECT token_hash, admin_mac FROM admin_sessions ORDER BY created_at LIMIT 1")
    assert admin.session.cookies["enlarger_admin"].encode() != row["token_hash"]


def _over_tls(house: Shop, address: str = "203.0.113.5", **fields: str) -> requests.Response:
    """What a browser behind TLS sends: `requests` keeps a secure cookie back where there is none."""
    visitor = Admin(house, address)
    form = visitor.get("/admin/sign-in")
    cookie = SimpleCookie(form.headers["Set-Cookie"])["enlarger_sign_in"].value
    sent = {"form_token": token_of(form), "actor": "anna", "token": "token-of-the-shop-owner"} | fields
    return visitor.post("/admin/sign-in", sent, Cookie=f"enlarger_sign_in={cookie}")


def test_a_wrong_token_opens_nothing_and_is_not_repeated(shop: Shop) -> None:
    stranger = Admin(shop)
    answer = stranger.sign_in("open-sesame")
    assert answer.status_code == 403
    assert "This is not the token." in words(answer)
    assert "open-sesame" not in answer.text
    assert stranger.get("/admin").status_code == 303


def test_who_guesses_waits_and_others_do_not(house: Shop) -> None:
    answers = [_over_tls(house, "198.51.100.7", token=f"guess {n}") for n in range(GUESSES_PER_MIN + 1)]
    assert [answer.status_code for answer in answers] == [403] * GUESSES_PER_MIN + [429]
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 61
    right = _over_tls(house, "198.51.100.7")
    assert right.status_code == 429, "not even the right token is looked at"
    assert _over_tls(house, "198.51.100.8").status_code == 303


@pytest.mark.parametrize("actor", ["", " ", "a\nb", "x" * 81, "Zo\u00eb"])
def test_a_name_must_stand_in_the_record(shop: Shop, actor: str) -> None:
    assert Admin(shop).sign_in(actor=actor).status_code == 400


def test_a_sign_in_that_no_page_of_ours_sent_is_refused(shop: Shop) -> None:
    stranger = Admin(shop)
    token = token_of(stranger.get("/admin/sign-in"))
    fields = {"actor": "eve", "token": "token-of-the-shop-owner", "form_token": token}
    assert Admin(shop).post("/admin/sign-in", fields).status_code == 403, "another browser's form"
    assert stranger.post("/admin/sign-in", fields | {"form_token": ""}).status_code == 403
    cross = stranger.post("/admin/sign-in", fields, **{"Sec-Fetch-Site": "cross-site"})
    assert cross.status_code == 403
    assert stranger.post("/admin/sign-in", fields).status_code == 303


ELSEWHERE = (
    "https://evil.example", "//evil.example", "/\\evil.example", "/admin/../jobs/x", "/adminevil", "/admin\r\nX: 1",
    "javascript:alert(1)", "/admin/sign-in",
)  # fmt: skip


@pytest.mark.parametrize("way", ELSEWHERE)
def test_the_way_back_leads_nowhere_else(shop: Shop, way: str) -> None:
    answer = Admin(shop).sign_in(next=way)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/admin")


def test_the_way_back_leads_where_one_wanted_to_go(shop: Shop) -> None:
    assert Admin(shop).sign_in(next="/admin/jobs?text=a%40b&only=late").headers["Location"] == (
        "/admin/jobs?text=a%40b&only=late"
    )


def test_a_form_without_its_token_changes_nothing(admin: Admin, shop: Shop) -> None:
    ticket = shop.paid()
    other = Admin(shop)
    other.sign_in()
    for token in ("", "0" * 64, other.form_token(), "\u2603"):
        answer = admin.post(f"/admin/jobs/{ticket}/hold", {"form_token": token, "reason": "x"})
        assert answer.status_code == 403, token
    cross = {"Sec-Fetch-Site": "cross-site"}
    assert (
        admin.post(f"/admin/jobs/{ticket}/hold", {"form_token": admin.form_token(), "reason": "x"}, **cross).status_code
        == 403
    )
    assert shop.job(ticket)["hold_reason"] is None
    assert shop.rows("SELECT * FROM audit WHERE job_id = %s", shop.job(ticket)["job_id"]) == []


def test_no_get_decides_anything(admin: Admin, shop: Shop) -> None:
    ticket = shop.paid()
    before = shop.job(ticket)
    for verb in ("retry", "refund", "extend", "resend", "email", "hold", "release", "wake", "complete", "fail"):
        assert admin.get(f"/admin/jobs/{ticket}/{verb}?reason=x&amount=1").status_code == 200
    assert shop.job(ticket) == before
    assert shop.rows("SELECT * FROM refunds WHERE job_id = %s", before["job_id"]) == []


def test_signing_out_ends_the_session_itself(admin: Admin) -> None:
    cookie = admin.session.cookies["enlarger_admin"]
    answer = admin.post("/admin/sign-out", {"form_token": admin.form_token()})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/admin/sign-in")
    admin.session.cookies.set("enlarger_admin", cookie, domain="127.0.0.1", path="/admin")
    assert admin.get("/admin").status_code == 303, "a copy of the cookie is worth nothing"


@pytest.mark.parametrize(
    "change",
    [
        "created_at = now() - interval '13 hours'",
        "seen_at = now() - interval '61 minutes'",
        "admin_mac = 'another token'",
    ],
)
def test_a_session_ends_by_the_databases_clock_or_with_its_token(admin: Admin, shop: Shop, change: str) -> None:
    assert admin.get("/admin").status_code == 200
    shop.rows(f"UPDATE admin_sessions SET {change}")
    assert admin.get("/admin").status_code == 303


def test_a_session_that_is_used_goes_on(admin: Admin, shop: Shop) -> None:
    shop.rows("UPDATE admin_sessions SET seen_at = now() - interval '59 minutes'")
    assert admin.get("/admin").status_code == 200
    assert (
        shop.rows("SELECT count(*) AS n FROM admin_sessions WHERE seen_at > now() - interval '1 minute'")[0]["n"] == 1
    )


def test_a_link_in_a_mail_finds_the_session_at_the_second_try(shop: Shop) -> None:
    """Browsers send a strict cookie only from our own pages: one of them goes on by itself."""
    answer = Admin(shop).get("/admin/jobs", **{"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 200
    assert 'http-equiv="refresh"' in answer.text


@pytest.mark.parametrize("path", [*PAGES, "/admin/sign-in", "/admin/nothing"])
def test_every_page_keeps_to_the_strict_policy(admin: Admin, path: str) -> None:
    answer = admin.get(path)
    policy = answer.headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert "<script" not in answer.text
    assert " style=" not in answer.text
    assert " on" + "click" not in answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Robots-Tag"].startswith("noindex")


def test_the_pages_stand_in_no_description_of_the_api(shop: Shop) -> None:
    paths = shop.get("/openapi.json").json()["paths"]
    assert not [path for path in paths if path.startswith("/admin") and not path.startswith("/admin/api")]
