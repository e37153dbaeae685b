"""What the owner of the shop reads: statements that add up, and every payment of which Stripe says something else."""

import csv
import io
import json
import os
import subprocess
import sys
from datetime import UTC, datetime

from common import attempts
from common.attempts import AttemptState, Claim, Record
from services.ingest.money.bookkeeping import Difference, Line, Period, reconcile, statement
from services.ingest.money.stripe_events import receive
from tests.integration.ingest.shop import STRIPE_KEY
from tests.integration.money.till import PRICE, Till
from tests.integration.money.wire import Payments
from tests.integration.sandbox.standin import ROOT, StandIn

FEE = 36


def test_three_planted_differences_are_named_and_nothing_else(payments: Payments) -> None:
    till = payments.till
    fine, other = payments.paid(), payments.paid()
    payments.post(f"payment_intents/{fine}/refund", amount=70)
    payments.tell()
    payments.post(f"payment_intents/{other}/refund", amount=50)
    unheard = payments.paid()
    payments.forget()
    invented = till.order()
    forged = {"id": "pi_invented", "amount_received": PRICE, "currency": "usd", "livemode": False,
              "receipt_email": "a@b.example", "metadata": {"source": "enlarger", "job_id": str(invented)}}  # fmt: skip
    receive(till.edge, {"id": "evt_x", "type": "payment_intent.succeeded", "data": {"object": forged}})

    ((owner,),) = till.sql("SELECT job_id FROM jobs WHERE payment_intent = %s", other)
    assert sorted(reconcile(till.database, payments.account, Period()), key=lambda d: d.what) == [
        Difference("pi_invented", invented, "charge missing at Stripe", PRICE, None),
        Difference(unheard, None, "charge missing in our books", None, PRICE),
        Difference(other, owner, "refunded", 0, 50),
    ]


def test_refunds_that_are_pending_or_failed_and_payments_of_others_are_no_difference(payments: Payments) -> None:
    intent = payments.paid()
    refund = payments.post(f"payment_intents/{intent}/refund", amount=50, status="pending")
    stranger = payments.paid()
    payments.tell()
    assert reconcile(payments.till.database, payments.account, Period()) == []

    payments.post(f"refunds/{refund['id']}", status="failed")
    payments.post(f"payment_intents/{stranger}/refund")
    payments.tell()
    assert reconcile(payments.till.database, payments.account, Period()) == []
    today = datetime.now(UTC).date()
    assert reconcile(payments.till.database, payments.account, Period(today)) == []


def test_a_statement_adds_up(till: Till) -> None:
    job_id, intent = till.paid()
    till.paid()
    with till.database.transaction() as tx:
        attempts.claim(tx, [Claim(job_id, 1, 1)], 60)
        attempts.record(tx, [Record(job_id, 1, AttemptState.SUCCEEDED, ended=True, credits=3, result_url="u")], 60)
    till.bank.books.dispute(intent, "needs_response", "fraudulent")
    till.tell()
    with till.database.transaction() as tx:
        (line,) = statement(tx, Period(), "month")

    first = datetime.now(UTC).date().replace(day=1)
    assert line == Line(first, "usd", 2, 2 * PRICE, 0, 2 * FEE + 1500, PRICE, 12)
    assert line.margin == till.balance("stripe") - till.balance("provider_costs") == PRICE - 2 * FEE - 1512


def enlarger(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "cli", *arguments]
    environment = os.environ | {"COLUMNS": "140"} | settings
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=60)


def test_the_commands_print_the_books(payments: Payments, stripe: StandIn, database_url: str) -> None:
    intent = payments.paid()
    payments.tell()
    known = {"DATABASE_URL": database_url, "STRIPE_API_KEY": STRIPE_KEY, "STRIPE_API_BASE": stripe.url}

    assert "$1.92" in enlarger("books", **known).stdout
    (row,) = csv.DictReader(io.StringIO(enlarger("books", "--csv", **known).stdout))
    assert (row["charged_cents"], row["fees_cents"], row["margin_cents"]) == ("192", "36", "156")
    (line,) = json.loads(enlarger("books", "--json", **known).stdout)["lines"]
    assert (line["charged"], line["margin"]) == (192, 156)
    assert enlarger("books", "--month", "2020-01", **known).stdout == "Nothing is on the books of this period.\n"

    same = enlarger("books", "--reconcile", **known)
    assert (same.returncode, same.stdout) == (0, "Our books and Stripe's say the same.\n")
    payments.post(f"payment_intents/{intent}/refund", amount=50)
    differs = enlarger("books", "--reconcile", "--json", **known)
    assert (differs.returncode, [d["what"] for d in json.loads(differs.stdout)]) == (1, ["refunded"])
    away = enlarger("books", "--reconcile", **known | {"STRIPE_API_BASE": "http://127.0.0.1:9"})
    assert away.returncode == 2
    assert "Stripe gave no answer" in away.stderr


def test_the_commands_show_and_replay_events(payments: Payments, stripe: StandIn, database_url: str) -> None:
    intent = payments.paid()
    payments.post(f"payment_intents/{intent}/refund", amount=50)
    payments.tell()
    known = {
        "DATABASE_URL": database_url, "STRIPE_API_KEY": STRIPE_KEY, "STRIPE_API_BASE": stripe.url,
        "STRIPE_WEBHOOK_SECRET": "whsec_x", "AMQP_URL": "amqp://127.0.0.1:9/", "STORAGE_URL": "memory:",
        "PUBLIC_URL": "https://pictures.example.com", "SECRET_KEY": "k" * 40,
    }  # fmt: skip
    listed = json.loads(enlarger("events", "list", "--type", "refund", "--json", **known).stdout)
    assert [one["kind"] for one in listed] == ["refund.updated", "refund.created"]

    shown = enlarger("events", "show", listed[0]["event_id"], "--json", **known)
    assert json.loads(shown.stdout)["payload"]["data"]["object"]["amount"] == 50
    assert "refund.updated" in enlarger("events", "list", **known).stdout
    replayed = enlarger("events", "replay", listed[0]["event_id"], **known)
    assert replayed.stdout == f"refund.updated {listed[0]['event_id']}: nothing\n", replayed.stderr
    missing = enlarger("events", "show", "evt_none", **known)
    assert (missing.returncode, missing.stderr.startswith("No event 'evt_none' was recorded")) == (1, True)


def test_a_restore_that_stripe_does_not_answer_is_not_one_that_differs(database_url: str) -> None:
    known = {
        "DATABASE_URL": database_url, "STRIPE_API_KEY": STRIPE_KEY, "STRIPE_API_BASE": "http://127.0.0.1:9",
        "STRIPE_WEBHOOK_SECRET": "whsec_x", "AMQP_URL": "amqp://127.0.0.1:9/", "STORAGE_URL": "memory:",
        "PUBLIC_URL": "https://pictures.example.com", "SECRET_KEY": "k" * 40,
    }  # fmt: skip
    away = enlarger("restore-check", "--since", "2026-11-21T03:00", **known)
    assert (away.returncode, away.stderr.startswith("Stripe cannot be asked. Stripe gave no answer: ")) == (3, True)
