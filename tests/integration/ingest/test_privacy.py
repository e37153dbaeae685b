"""What is kept about people: exported and erased on request, erased by itself in time, and never out of the books."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import psycopg
import pytest

from common.admin import Decision
from common.database import Database
from common.people.exporting import export_person, tables
from common.people.forgetting import forget_person
from common.people.redaction import redacted
from common.storage import Storage
from services.ingest.sweeping import Keep, Sweep
from tests.integration.ingest.finished import Finished, deliver
from tests.integration.ingest.shop import API, Shop, completed, signed
from tests.integration.sandbox.standin import ROOT, encoded, photograph

YEAR_S = 365 * 24 * 3600.0
KEEP = Keep(24 * 3600, 7 * 24 * 3600, YEAR_S)
NAME, STREET = "Annegret Muster", "Musterweg 7"


@pytest.fixture
def rows(shop: Shop) -> Iterator[Database]:
    database = Database(shop.database_url)
    database.open()
    yield database
    database.close()


def _dump(shop: Shop) -> str:
    """Every row of every table, as a backup would hold it."""
    with psycopg.connect(shop.database_url) as connection:
        names = connection.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
        return "\n".join(
            str(row[0])
            for (name,) in names.fetchall()
            for row in connection.execute(f'SELECT t::text FROM "{name}" t'.encode())
        )


def _told_everywhere(shop: Shop, address: str) -> Finished:
    """A delivered order whose customer's address stands wherever one may stand."""
    ticket = shop.ordered(email=address)
    body = completed(
        shop.job(ticket), f"evt_{ticket}",
        customer_details={"email": address, "name": NAME, "address": {"line1": STREET}}, customer_email=address,
    )  # fmt: skip
    assert shop.post("/smi-webhook/stripe/", data=body, headers=signed(body)).status_code == 200
    done = deliver(shop, ticket)
    shop.get(done.path)
    shop.post(f"/jobs/{ticket}/rating", data={"stars": "4", "comment": f"Write to {address}, yours {NAME}"})
    for statement in (
        """INSERT INTO mails (kind, about, job_id, state, claimed_until, message_id, error)
           VALUES ('ready', %(id)s::text, %(id)s, 'failed', now(), %(id)s::text, '550 <' || %(mail)s || '> unknown')""",
        "INSERT INTO attention (job_id, reason, detail) VALUES (%(id)s, 'mail_rejected', '550 ' || %(mail)s)",
        """INSERT INTO audit (actor, verb, job_id, why, detail)
           VALUES ('kim', 'email', %(id)s, 'called from ' || %(mail)s, jsonb_build_object('told', %(mail)s::text))""",
        """INSERT INTO job_events (job_id, actor, kind, detail)
           VALUES (%(id)s, 'notifier', 'mail_waits', jsonb_build_object('why', %(mail)s::text))""",
        """INSERT INTO address_wishes (job_id, number, address, token_hash, expires_at)
           VALUES (%(id)s, 1, 'other.' || %(mail)s, sha256(%(mail)s::text::bytea), now())""",
        """UPDATE jobs SET failure_detail = 'said ' || %(mail)s, return_url = 'https://shop.example/?u=' || %(mail)s
           WHERE job_id = %(id)s""",
    ):
        with psycopg.connect(shop.database_url, autocommit=True) as connection:
            connection.execute(statement.encode(), {"id": done.job_id, "mail": address})
    return done


def _settle(shop: Shop, job_id: UUID, ago: str = "1 hour") -> None:
    shop.rows(
        "UPDATE jobs SET stage = 'settled', settled_at = now() - %s::interval, wake_at = NULL WHERE job_id = %s",
        ago, job_id,
    )  # fmt: skip


@contextmanager
def _sweep(shop: Shop, rows: Database) -> Iterator[Sweep]:
    yield Sweep(rows, Storage(f"file://{shop.storage}"), KEEP)


def _forget(rows: Database, address: str) -> tuple[int, int]:
    with rows.transaction() as tx:
        done = forget_person(tx, address, Decision("kim", f"{address} wrote to us"))
    return len(done.erased), len(done.open)


def test_nothing_of_a_forgotten_person_is_left_in_the_database(shop: Shop, rows: Database) -> None:
    address = "erase.me@customer.example"
    done = _told_everywhere(shop, address)
    _settle(shop, done.job_id)
    money = "SELECT charged_cents, paid_at, payment_intent FROM jobs WHERE job_id = %s"
    before = (shop.rows(money, done.job_id), shop.rows("SELECT * FROM ledger WHERE job_id = %s", done.job_id))
    assert _dump(shop).count(address) > 8, "it stands in many places"

    assert _forget(rows, "Erase.Me@Customer.Example") == (1, 0)

    left = _dump(shop).lower()
    assert [found for found in (address, NAME.lower(), STREET.lower()) if found in left] == []
    assert before == (shop.rows(money, done.job_id), shop.rows("SELECT * FROM ledger WHERE job_id = %s", done.job_id))
    audit = shop.rows("SELECT verb, why, detail FROM audit WHERE verb = 'forget' ORDER BY audit_id DESC LIMIT 1")[0]
    assert audit == {"verb": "forget", "why": "… wrote to us", "detail": {"erased": 1, "open": 0}}
    assert shop.rows("SELECT stars, comment FROM ratings WHERE job_id = %s", done.job_id) == [
        {"stars": 4, "comment": ""}
    ]
    assert shop.get(f"/jobs/{done.ticket}").status_code == 200


def test_an_open_order_is_forgotten_when_it_is_settled_and_not_before(shop: Shop, rows: Database) -> None:
    address = "open.order@customer.example"
    ticket = shop.paid(email=address)
    assert _forget(rows, address) == (0, 1)
    assert shop.job(ticket)["email"] == address, "the customer must be told of what becomes of the order"
    with _sweep(shop, rows) as sweep:
        sweep.people()
        assert shop.job(ticket)["email"] == address
        _settle(shop, shop.job(ticket)["job_id"])
        assert sweep.people() == 1
    assert address not in _dump(shop)


def test_what_is_old_enough_is_forgotten_by_itself(shop: Shop, rows: Database) -> None:
    old, young = (_told_everywhere(shop, f"{age}@customer.example") for age in ("old", "young"))
    _settle(shop, old.job_id, "366 days")
    _settle(shop, young.job_id, "364 days")
    with _sweep(shop, rows) as sweep:
        assert sweep.people() == 1
        assert sweep.people() == 0
    left = _dump(shop)
    assert "old@customer.example" not in left
    assert "young@customer.example" in left
    assert shop.kinds(old.ticket)[-1] == "forgotten"


def test_what_stripe_tells_of_a_forgotten_order_is_not_kept(shop: Shop, rows: Database) -> None:
    address = "late.event@customer.example"
    done = _told_everywhere(shop, address)
    _settle(shop, done.job_id)
    _forget(rows, address)
    body = completed(shop.job(done.ticket), "evt_after", customer_details={"email": address, "name": NAME})
    assert shop.post("/smi-webhook/stripe/", data=body, headers=signed(body)).status_code == 200
    assert shop.rows("SELECT type FROM stripe_events WHERE event_id = 'evt_after'")
    assert address not in _dump(shop)


def test_events_that_are_not_ours_are_redacted_in_time(shop: Shop, rows: Database) -> None:
    body = json.dumps({"id": "evt_nobodys", "object": "event", "type": "customer.created", "livemode": False,
                       "data": {"object": {"id": "cus_1", "email": "other@customer.example"}}}).encode()  # fmt: skip
    shop.post("/smi-webhook/stripe/", data=body, headers=signed(body))
    with _sweep(shop, rows) as sweep:
        sweep.events()
        assert "other@customer.example" in _dump(shop)
        shop.rows("UPDATE stripe_events SET received_at = now() - interval '366 days' WHERE event_id = 'evt_nobodys'")
        assert sweep.events() == 1
    payload = shop.rows("SELECT payload FROM stripe_events WHERE event_id = 'evt_nobodys'")[0]["payload"]
    assert payload["data"] == {"object": {"id": "cus_1"}}


def test_the_upload_of_a_forgotten_order_goes_with_the_next_sweep(shop: Shop, rows: Database) -> None:
    picture = encoded(photograph((400, 300)), "JPEG")
    upload = str(shop.post(f"{API}/upload-image", files={"image": ("cat.jpg", picture)}).json()["upload_id"])
    form = {"upload_id": upload, "resolution": "4x", "email": "upload@customer.example"}
    ticket = shop.post(f"{API}/create-checkout-upload", data=form).json()["job_id"]
    _settle(shop, shop.job(ticket)["job_id"])
    _forget(rows, "upload@customer.example")
    assert (shop.storage / "uploads" / upload).exists()
    with _sweep(shop, rows) as sweep:
        sweep.uploads()
    assert not (shop.storage / "uploads" / upload).exists()


def test_the_upload_of_a_failed_order_is_kept_so_that_it_can_be_done_again(shop: Shop, rows: Database) -> None:
    picture = encoded(photograph((400, 300)), "JPEG")
    upload = str(shop.post(f"{API}/upload-image", files={"image": ("cat.jpg", picture)}).json()["upload_id"])
    ticket = shop.post(f"{API}/create-checkout-upload", data={"upload_id": upload, "resolution": "4x"}).json()["job_id"]
    shop.rows("UPDATE uploads SET created_at = now() - interval '30 days' WHERE upload_id = %s", upload)
    _settle(shop, shop.job(ticket)["job_id"])
    with _sweep(shop, rows) as sweep:
        for ago, there in (("6 days", True), ("8 days", False)):
            shop.rows("UPDATE jobs SET failed_at = now() - %s::interval WHERE ticket = %s", ago, ticket)
            sweep.uploads()
            assert (shop.storage / "uploads" / upload).exists() is there


def test_everything_about_a_person_is_exported_and_nothing_about_others(shop: Shop, rows: Database) -> None:
    mine, other = (_told_everywhere(shop, f"{who}.export@customer.example") for who in ("mine", "xmine"))
    with rows.transaction() as tx:
        document = json.loads(json.dumps(export_person(tx, "MINE.export@customer.example"), default=str))
        assert {"jobs", "job_events", "ratings", "mails", "stripe_events", "ledger"} <= set(tables(tx))
    [order] = document["orders"]
    assert order["jobs"][0]["email"] == "mine.export@customer.example"
    assert {"jobs", "links", "ratings", "mails", "stripe_events", "ledger", "downloads"} <= set(order)
    assert str(other.job_id) not in json.dumps(document)
    assert "token_hash" not in json.dumps(document)
    assert order["ratings"][0]["comment"].endswith(NAME)
    assert str(mine.job_id) == order["jobs"][0]["job_id"]


def test_an_order_that_was_corrected_to_another_address_is_that_ones(shop: Shop, rows: Database) -> None:
    """Whoever got a mail by a customer's mistake learns nothing of the order by asking for an export."""
    done = _told_everywhere(shop, "mistyped@customer.example")
    shop.rows("UPDATE jobs SET email = 'right@customer.example' WHERE job_id = %s", done.job_id)
    with rows.transaction() as tx:
        assert export_person(tx, "mistyped@customer.example")["orders"] == []
        assert len(export_person(tx, "right@customer.example")["orders"]) == 1


def _command(shop: Shop, *words: str) -> subprocess.CompletedProcess[str]:
    env = os.environ | {"DATABASE_URL": shop.database_url, "AMQP_URL": shop.amqp_url, "COLUMNS": "100"}
    command = [sys.executable, "-m", "cli", *words]
    return subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)


def test_the_commands(shop: Shop) -> None:
    address = "by.command@customer.example"
    done = _told_everywhere(shop, address)
    told = _command(shop, "export", address)
    document: dict[str, Any] = json.loads(told.stdout)
    assert document["orders"][0]["jobs"][0]["email"] == address
    nowhere = _command(shop, "export", address, "--to", "/no/such/folder/kim.json")
    assert nowhere.returncode == 1
    assert nowhere.stderr.startswith("/no/such/folder/kim.json cannot be written (No such file or directory)")
    assert _command(shop, "forget", address).returncode == 1, "it asks before it does what cannot be undone"
    first = _command(shop, "forget", address, "--yes")
    assert "1 order not settled yet" in " ".join(first.stdout.split())
    _settle(shop, done.job_id)
    second = _command(shop, "forget", address, "--yes", "--json")
    assert json.loads(second.stdout) == {"success": True, "erased": [str(done.job_id)], "open": []}
    assert address not in _dump(shop)


def test_what_is_kept_of_an_event_is_named() -> None:
    about = {"id": "cs_1", "amount_total": 192, "customer_details": {"email": "a@b.example"}, "new_field": "Anna",
             "metadata": {"job_id": "1", "note": "Anna"}, "refunds": {"data": [{"email": "a@b.example"}]}}  # fmt: skip
    assert redacted({"id": "evt_1", "type": "x", "data": {"object": about}, "account": "acct"}) == {
        "id": "evt_1",
        "type": "x",
        "data": {"object": {"id": "cs_1", "amount_total": 192, "metadata": {"job_id": "1"}}},
    }
