"""A mistyped address is corrected from the order's page, and counts when it was confirmed from the new one."""

import pytest

from common.database import Database
from common.signing import hash_token
from services.notifier.notices import Notices
from services.notifier.settings import NotifierSettings
from tests.integration.ingest.finished import Finished, change, deliver
from tests.integration.ingest.shop import SECRET_KEY, Shop, signer
from tests.integration.sandbox.standin import until
from tests.unit.builders import settings

NEW = "anna@example.net"
READY = "notifier.job.completed"


def _ask(shop: Shop, ticket: str, address: str = NEW) -> int:
    return shop.post(f"/jobs/{ticket}/address", data={"email": address}).status_code


def _link(shop: Shop, ticket: str, number: int = 1) -> str:
    """What the mail leads to."""
    return f"/address/{signer.sign('address', shop.job(ticket)['job_id'], number)}"


def _mailed(shop: Shop, finished: Finished) -> None:
    shop.rows(
        """INSERT INTO mails (kind, about, job_id, state, claimed_until, message_id)
           VALUES ('ready', %s, %s, 'sent', now(), %s)""",
        f"{finished.job_id}:1", finished.job_id, f"<{finished.job_id}>",
    )  # fmt: skip


def test_nothing_changes_until_the_new_address_confirms(shop: Shop) -> None:
    ticket = shop.paid()
    assert _ask(shop, ticket) == 303
    link = _link(shop, ticket)
    for method in ("HEAD", "GET", "GET", "GET"):
        assert shop.request(method, link).status_code == 200
    page = shop.get(f"/jobs/{ticket}").text
    assert "We have sent a mail to a…@example.net" in page
    assert NEW not in page
    assert shop.job(ticket)["email"] == "anna@example.org"

    answer = shop.post(link)
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/jobs/{ticket}"), "nothing was mailed so far"
    assert shop.job(ticket)["email"] == NEW
    assert shop.kinds(ticket)[-1] == "address_confirmed"
    assert "We have sent" not in shop.get(f"/jobs/{ticket}").text
    again = shop.post(link)
    assert (again.status_code, again.headers["Location"]) == (303, link), "pressed twice, it is one wish"
    assert "is confirmed" in shop.get(link).text
    assert shop.kinds(ticket).count("address_confirmed") == 1


def test_what_was_mailed_to_the_old_address_ends(shop: Shop) -> None:
    finished = deliver(shop, shop.paid())
    _mailed(shop, finished)
    assert _ask(shop, finished.ticket) == 303
    link = _link(shop, finished.ticket)
    shop.messages(READY)
    assert shop.get(f"/d/{finished.token}").status_code == 200, "an unconfirmed wish ends nothing"

    moved = shop.post(link).headers["Location"]
    job = shop.rows("SELECT email, stage, ticket FROM jobs WHERE job_id = %s", finished.job_id)[0]
    assert (job["email"], job["stage"], f"/jobs/{job['ticket']}") == (NEW, "announce", moved)
    assert job["ticket"] != finished.ticket
    assert shop.get(f"/d/{finished.token}").status_code == 410
    assert shop.get(f"/jobs/{finished.ticket}").status_code == 404
    assert shop.get(moved).status_code == 200
    until(lambda: str(finished.job_id) in str(shop.messages(READY)))


def test_what_was_downloaded_or_never_paid_is_left_alone(shop: Shop) -> None:
    unpaid, had = shop.ordered(), deliver(shop, shop.paid())
    _ask(shop, had.ticket)
    shop.rows("UPDATE links SET downloads = 1 WHERE job_id = %s", had.job_id)
    assert shop.post(_link(shop, had.ticket)).status_code == 409
    for ticket in (unpaid, had.ticket):
        assert _ask(shop, ticket) == 409
        assert "/address" not in shop.get(f"/jobs/{ticket}").text
    assert shop.job(had.ticket)["email"] == "anna@example.org"


def test_a_refunded_customer_is_told_where_she_can_read_it(shop: Shop) -> None:
    ticket = shop.paid()
    change(shop, ticket, status="refunded", stage="keep")
    assert _ask(shop, ticket) == 303
    assert shop.post(_link(shop, ticket)).status_code == 303
    assert (shop.job(ticket)["email"], shop.job(ticket)["stage"]) == (NEW, "announce")


def test_only_the_newest_wish_counts_and_only_in_time(shop: Shop) -> None:
    ticket = shop.paid()
    _ask(shop, ticket, "anna@example.com")
    _ask(shop, ticket)
    assert shop.post(_link(shop, ticket, 1)).status_code == 404
    shop.rows("UPDATE address_wishes SET expires_at = now() - interval '1 s' WHERE address = %s", NEW)
    late = shop.get(_link(shop, ticket, 2))
    assert (late.status_code, late.headers["Content-Type"].partition(";")[0]) == (410, "text/html")
    assert shop.post(_link(shop, ticket, 2)).status_code == 410
    for wrong in ("0" * 64, "x", "%00", signer.sign("download", shop.job(ticket)["job_id"], 2)):
        assert shop.post(f"/address/{wrong}").status_code == 404
    assert shop.job(ticket)["email"] == "anna@example.org"


def test_strangers_are_not_mailed_without_end(shop: Shop) -> None:
    ticket = shop.paid()
    answers = [_ask(shop, ticket, f"stranger{number}@example.net") for number in range(6)]
    assert answers == [303] * 5 + [429]
    answer = shop.post(f"/jobs/{ticket}/address", data={"email": "x@example.net"})
    assert "often enough for today" in answer.text
    assert answer.headers["Retry-After"]


@pytest.mark.parametrize("address", ["", "anna", "a@b\r\nBcc: c@d.example", "<script>alert(1)</script>@x.example"])
def test_what_is_no_address_is_refused(shop: Shop, address: str) -> None:
    ticket = shop.paid()
    answer = shop.post(f"/jobs/{ticket}/address", data={"email": address})
    assert answer.status_code == 400
    assert "script" not in answer.text
    assert shop.rows("SELECT FROM address_wishes JOIN jobs USING (job_id) WHERE ticket = %s", ticket) == []


def test_the_token_is_stored_as_its_hash_alone_and_the_mail_makes_it_again(shop: Shop) -> None:
    ticket = shop.paid()
    _ask(shop, ticket)
    token = _link(shop, ticket).rpartition("/")[2]
    row = shop.rows("SELECT token_hash FROM address_wishes JOIN jobs USING (job_id) WHERE ticket = %s", ticket)[0]
    assert bytes(row["token_hash"]) == hash_token(token)
    database = Database(shop.database_url)
    database.open()
    try:
        for key, state in ((SECRET_KEY, "sent"), ("another key of at least 32 characters", "failed")):
            shop.rows("UPDATE mails SET state = 'waiting', claimed_until = now() WHERE kind = 'address'")
            sender = Notices(settings(NotifierSettings, secret_key=key), database)
            while sender.send_one():
                pass
            found = shop.rows("SELECT m.state FROM mails m JOIN jobs USING (job_id) WHERE ticket = %s", ticket)
            assert found == [{"state": state}], "a key that is gone stops this mail, and no other"
    finally:
        database.close()
    assert "No mail can be delivered to a…@example.net" in shop.get(f"/jobs/{ticket}").text
