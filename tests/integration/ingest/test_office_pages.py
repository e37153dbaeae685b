"""What the admin's pages show, and that each of their decisions is the command line's own."""

import io
from typing import Any
from urllib.parse import quote

import pytest
from PIL import Image

from common.topology import dead_queue
from tests.acceptance.browser.attempts import SCRIPTS
from tests.integration.ingest.desk import Admin, words
from tests.integration.ingest.finished import change, deliver
from tests.integration.ingest.shop import Shop
from tests.integration.sandbox.standin import until


@pytest.fixture
def admin(shop: Shop) -> Admin:
    signed_in = Admin(shop)
    signed_in.sign_in()
    return signed_in


def _audit(shop: Shop, ticket: str) -> list[dict[str, Any]]:
    return shop.rows(
        "SELECT actor, verb, why FROM audit JOIN jobs USING (job_id) WHERE ticket = %s ORDER BY audit_id", ticket
    )


VERBS: dict[str, tuple[str, dict[str, str]]] = {
    "hold": ("paid", {"review": "8h"}),
    "wake": ("paid", {}),
    "email": ("paid", {"address": "mia@new.example"}),
    "fail": ("paid", {}),
    "refund": ("delivered", {"amount": "0.50"}),
    "extend": ("delivered", {}),
    "resend": ("delivered", {}),
    "retry": ("delivered", {}),
    "release": ("held", {"promise_hours": "48"}),
}


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_by_its_page_is_the_verb_of_the_desk(admin: Admin, shop: Shop, verb: str) -> None:
    """Asked first what it would do, then carried out once, however often the same form is sent."""
    place, fields = VERBS[verb]
    ticket = shop.paid()
    if place == "delivered":
        deliver(shop, ticket)
    if place == "held":
        admin.send(f"/admin/jobs/{ticket}/hold", reason="first look")
    asked = admin.get(f"/admin/jobs/{ticket}/{verb}")
    assert asked.status_code == 200, asked.text
    answer = admin.send(f"/admin/jobs/{ticket}/{verb}", reason="the customer asked", **fields)
    assert answer.status_code == 303, words(answer)
    assert _audit(shop, ticket)[-1] == {"actor": "anna", "verb": verb, "why": "the customer asked"}
    [row] = shop.rows("SELECT detail->>'told' AS told FROM audit JOIN jobs USING (job_id) WHERE ticket = %s "
                      "ORDER BY audit_id DESC LIMIT 1", ticket)  # fmt: skip
    assert row["told"] in words(admin.get(answer.headers["Location"]))


def test_the_same_form_sent_twice_is_one_decision(admin: Admin, shop: Shop) -> None:
    ticket = shop.paid()
    deliver(shop, ticket)
    fields = {"form_token": admin.form_token(), "once": "018f0000-0000-7000-8000-000000000001", "amount": "0.50"}
    answers = [admin.post(f"/admin/jobs/{ticket}/refund", fields) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [303, 303]
    assert len(_audit(shop, ticket)) == 1
    job_id = shop.job(ticket)["job_id"]
    assert shop.rows("SELECT amount_cents FROM refunds WHERE job_id = %s", job_id) == [{"amount_cents": 50}]


def test_what_the_state_forbids_is_said_before_and_after(admin: Admin, shop: Shop) -> None:
    ticket = shop.ordered()
    asked = admin.get(f"/admin/jobs/{ticket}/fail")
    assert "The order is not paid" in words(asked)
    answer = admin.post(f"/admin/jobs/{ticket}/fail", {"form_token": admin.form_token()})
    assert answer.status_code == 409
    assert "The order is not paid" in words(answer)
    assert _audit(shop, ticket) == []


@pytest.mark.parametrize(
    ("verb", "fields"),
    [("refund", {"amount": "1.505"}), ("refund", {"amount": "-1"}), ("email", {"address": "nobody"}),
     ("hold", {"reason": "x", "review": "soon"}), ("hold", {"review": "1d"}), ("release", {"promise_hours": "9999"}),
     ("complete", {})],
)  # fmt: skip
def test_what_cannot_be_read_is_asked_again(admin: Admin, shop: Shop, verb: str, fields: dict[str, str]) -> None:
    ticket = shop.paid()
    answer = admin.send(f"/admin/jobs/{ticket}/{verb}", **fields)
    assert answer.status_code == 409
    assert 'role="alert"' in answer.text
    assert _audit(shop, ticket) == []


def test_a_picture_is_handed_in_by_its_page(admin: Admin, shop: Shop) -> None:
    ticket = shop.paid()
    picture = io.BytesIO()
    Image.new("RGB", (1804, 1200)).save(picture, "PNG")
    answer = admin.send(
        f"/admin/jobs/{ticket}/complete", {"file": ("<b>.png", picture.getvalue(), "image/png")}, reason="by hand"
    )
    assert answer.status_code == 303, words(answer)
    assert _audit(shop, ticket) == [{"actor": "anna", "verb": "complete", "why": "by hand"}]
    assert (shop.storage / "results" / str(shop.job(ticket)["job_id"]) / "1.0").read_bytes() == picture.getvalue()


def test_an_order_stands_on_its_page_with_everything(admin: Admin, shop: Shop) -> None:
    ticket = shop.paid()
    deliver(shop, ticket)
    job = shop.job(ticket)
    seen = words(admin.get(f"/admin/jobs/{ticket}"))
    for told in ("anna@example.org", ticket, str(job["job_id"]), job["payment_intent"], "1,920",
                 "paid by ingest", "the mail to the customer is sent", "The books", "charge"):  # fmt: skip
        assert told in seen, told


def test_lists_mask_addresses(admin: Admin, shop: Shop) -> None:
    ticket = shop.paid()
    answer = admin.get(f"/admin/jobs?text={ticket}")
    assert ticket[3:11] in words(answer)
    assert "a…@example.org" in words(answer)
    assert "anna@example.org" not in answer.text


@pytest.mark.parametrize(
    "query", ["status=nope", "stage=x", "since=yesterday", "until=9999-12-31", "after=x", "after=2026-01-01~1"]
)
def test_a_filter_that_does_not_read_is_a_plain_refusal(admin: Admin, query: str) -> None:
    answer = admin.get(f"/admin/jobs?{query}")
    assert answer.status_code == 400
    assert "<h1>That did not work</h1>" in answer.text


def test_the_pictures_of_an_order_are_for_the_admin_alone(admin: Admin, shop: Shop) -> None:
    ticket = shop.paid()
    done = deliver(shop, ticket)
    preview = shop.storage / "previews" / str(done.job_id) / "1.png"
    preview.parent.mkdir(parents=True)
    preview.write_bytes(b"small")
    shop.rows("UPDATE deliveries SET preview_size = 5, score = 0.987 WHERE job_id = %s", done.job_id)
    assert "likeness 0.987 of 1" in words(admin.get(f"/admin/jobs/{ticket}"))
    path = f"/admin/jobs/{done.job_id}/pictures/1.1"
    assert admin.get(path).content == b"small"
    assert Admin(shop).get(path).status_code == 303
    for which in ("1.2", "source", "../1.1", "1.1.1", "-1.1", "9999999999.1", "\u0661.1"):
        assert admin.get(f"/admin/jobs/{done.job_id}/pictures/{which}").status_code == 404, which
    preview.unlink()
    assert b"no longer kept" in admin.get(path).content, "removed from the store, noted a moment later"
    shop.rows("UPDATE deliveries SET removed_at = now() WHERE job_id = %s", done.job_id)
    gone = admin.get(path)
    assert (gone.status_code, gone.headers["content-type"]) == (200, "image/svg+xml")


def test_dead_letters_are_read_replayed_and_dropped(admin: Admin, shop: Shop) -> None:
    shop.publish("checkout.check", {"no": "job"})
    shop.publish("checkout.check", {"no": "<script>alert(7734)</script>"})
    until(lambda: shop.depth(dead_queue("ingest.checkout.check")) == 2)
    page = admin.get("/admin/dead")
    assert "<script>alert" not in page.text
    ids = [part.partition('"')[0] for part in page.text.split('name="id" value="')[1:]]
    assert len(ids) == 2
    asked = admin.get(f"/admin/dead/replay?id={ids[0]}")
    assert ids[0] in asked.text
    replayed = admin.post("/admin/dead/replay", {"form_token": admin.form_token(), "ids": ids[0], "reason": "again"})
    assert replayed.status_code == 303, words(replayed)
    until(lambda: shop.depth(dead_queue("ingest.checkout.check")) == 2)  # it is as useless as before
    dropped = admin.post(
        "/admin/dead/drop", {"form_token": admin.form_token(), "ids": " ".join(ids), "reason": "no use"}
    )
    assert dropped.status_code == 303, words(dropped)
    assert shop.depth(dead_queue("ingest.checkout.check")) == 0
    rows = shop.rows("SELECT verb, why FROM audit WHERE verb LIKE 'dead%%' ORDER BY audit_id")
    assert rows == [{"verb": "dead_replay", "why": "again"}] + [{"verb": "dead_drop", "why": "no use"}] * 2
    gone = admin.post("/admin/dead/drop", {"form_token": admin.form_token(), "ids": ids[0]})
    assert gone.status_code == 409


def test_a_lane_is_paused_and_resumed_with_a_record(admin: Admin, shop: Shop) -> None:
    token = admin.form_token()
    admin.post("/admin/operation/pause", {"form_token": token, "what": "notifier", "reason": "the mail server moves"})
    assert shop.rows("SELECT what, actor, why FROM pauses") == [
        {"what": "notifier", "actor": "anna", "why": "the mail server moves"}
    ]
    assert "notifier is paused" in words(admin.get("/admin"))
    assert admin.post("/admin/operation/pause", {"form_token": token, "what": "nothing"}).status_code == 404
    admin.post("/admin/operation/resume", {"form_token": token, "what": "notifier"})
    assert shop.rows("SELECT * FROM pauses") == []


def test_the_breaker_is_closed_with_a_record(admin: Admin, shop: Shop) -> None:
    shop.rows("UPDATE breakers SET state = 'open', why = 'HTTP 402', opened_at = now(), until = now() + interval '1 h'")
    assert "The provider's breaker is open" in words(admin.get("/admin"))
    token = admin.form_token()
    answer = admin.post("/admin/operation/breaker", {"form_token": token, "reason": "credits bought"})
    assert answer.status_code == 303
    assert shop.rows("SELECT state FROM breakers") == [{"state": "closed"}]
    assert shop.rows("SELECT actor, why FROM audit WHERE verb = 'close_breaker'") == [
        {"actor": "anna", "why": "credits bought"}
    ]
    assert admin.post("/admin/operation/breaker", {"form_token": token, "reason": "again"}).status_code == 409


def test_what_the_brake_holds_is_released_together(admin: Admin, shop: Shop) -> None:
    for _ in range(2):
        change(shop, shop.paid(), hold_reason="refund_brake")
    assert "2 orders are held : refund brake" in words(admin.get("/admin"))
    assert "Release 2 orders?" in words(admin.get("/admin/operation/release/refund_brake"))
    answer = admin.send("/admin/operation/release/refund_brake", reason="the key was wrong")
    assert answer.status_code == 303, words(answer)
    assert shop.rows("SELECT 1 FROM jobs WHERE hold_reason = 'refund_brake'") == []
    assert admin.get("/admin/operation/release/anything").status_code == 404


def test_a_report_can_be_opened_in_a_spreadsheet(admin: Admin, shop: Shop) -> None:
    shop.paid()
    page = admin.get("/admin/reports")
    assert page.status_code == 200
    path = page.text.partition('href="/admin/reports/')[2].partition("/")[0]
    figures, books = (admin.get(f"/admin/reports/{path}/{name}.csv") for name in ("figures", "books"))
    assert figures.text.startswith("figure,value\r\nmonth,")
    assert books.text.startswith("day,currency,orders,charged_cents")
    assert books.headers["Content-Type"].startswith("text/csv")
    assert admin.get("/admin/reports?month=never").status_code == 409
    assert admin.get("/admin/reports?month=2020-01").status_code == 200


def test_no_text_of_a_stranger_is_more_than_text(admin: Admin, shop: Shop) -> None:
    """Addresses, comments, names of files, errors of the provider: wherever they stand on a page."""
    ticket = shop.paid()
    done = deliver(shop, ticket)
    for text in SCRIPTS[::4]:
        columns = ("email", "failure_reason", "failure_detail", "hold_reason", "source_url")
        change(shop, ticket, **dict.fromkeys(columns, text))
        shop.rows("UPDATE attempts SET error = %s, provider_status = %s WHERE job_id = %s", text, text, done.job_id)
        shop.rows(
            "INSERT INTO ratings VALUES (%s, 1, %s) ON CONFLICT (job_id) DO UPDATE SET comment = excluded.comment",
            done.job_id, text,
        )  # fmt: skip
        for path in _everywhere(ticket, text):
            page = admin.get(path)
            assert page.status_code in {200, 400}, path
            assert "<script" not in page.text.lower(), path
            assert "<" not in text or text not in page.text, path


def _everywhere(ticket: str, text: str) -> list[str]:
    sought = quote(text, safe="")
    searches = [f"text={sought}", f"status={sought}", f"only=held&text={sought}"]
    pages = [f"/admin/jobs/{ticket}", f"/admin/jobs/{ticket}/refund", "/admin", "/admin/operation"]
    return pages + [f"/admin/jobs?{query}" for query in searches]
