"""A backup is restored while the world has gone on: nothing is bought, refunded or mailed twice, no payment is lost."""

import shutil
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from cli.customer import Customer, Purchase
from local.broker import Broker
from local.database import Database
from local.processes import await_condition
from local.stack import Stack
from tests.acceptance.conftest import started
from tests.acceptance.operators import Operator
from tests.acceptance.shop import CAT, LAUNCH_PAD, QUICK, Shop

DANDELIONS = 101
LIVELY = ("submit", "watch", "fetch", "refund", "announce")


class Day:
    """The orders of a day with a backup in the middle of it."""

    def __init__(self, shop: Shop, operator: Operator) -> None:
        self._shop, self._operator = shop, operator
        self.before: dict[str, Purchase] = {}
        self.after: dict[str, Purchase] = {}

    def until_the_backup(self) -> None:
        customer = Customer(self._shop.stack)
        self.before["finished"] = self._shop.buy(CAT, "finished@a.example")
        self._shop.wait_over(list(self.before.values()))
        self.before["unpaid"] = customer.order(CAT, "4x", "unpaid@a.example")
        self._operator.does("pause", "submitter", "--yes")
        await_condition(lambda: "submitter" in str(self._operator.reads("top")["workers"]), 15, "the pause")
        self.before["waiting"] = self._shop.buy(CAT, "waiting@a.example")
        self.before["doomed"] = self._shop.buy(LAUNCH_PAD, "doomed@a.example")

    def after_the_backup(self) -> None:
        customer = Customer(self._shop.stack)
        self._shop.fault("upsampler", fault="failed", match="launch-pad", count=2)
        self._operator.does("resume")
        customer.pay(self.before["unpaid"])
        self._operator.does("refund", self.before["finished"].ticket, "--yes", "--why", "they were kind")
        self.after["new"] = self._shop.buy(CAT, "new@a.example")
        self.after["new and doomed"] = self._shop.buy(LAUNCH_PAD, "new-doomed@a.example")
        self._shop.wait_over([*self.before.values(), *self.after.values()])
        await_condition(lambda: len(self._shop.mails(self.before["finished"])) == 2, 20, "the mail about the refund")
        self._shop.fault("upsampler", fault="stuck", match="dandelions", count=1)
        self.after["under way"] = self._shop.buy(DANDELIONS, "under-way@a.example")
        await_condition(lambda: self._shop.submissions(self.after["under way"]) == 1, 20, "the submission")
        self.after["opened"] = customer.order(CAT, "4x", "opened@a.example")


def _done(shop: Shop) -> dict[str, Any]:
    """All that cannot be undone, as those know it to whom it was done."""
    stripe, mails = shop.ledger("stripe"), shop.ledger("inbox")["attempts"]
    return {
        "submissions": len(shop.ledger("upsampler")["submissions"]),
        "refunds": sorted((r["payment_intent"], r["amount"]) for r in stripe["refunds"]),
        "mails": Counter(to for mail in mails if mail["accepted"] for to in mail["to"] if "owner@" not in to),
    }


def _paused(operator: Operator) -> bool:
    workers = operator.reads("top")["workers"]
    return len(workers) >= 5 and all(set(w["lanes"]) == set(w["paused"]) for w in workers if w["lanes"])


def _restored(stack: Stack, database: Database, dump: Path) -> None:
    """The workers stop, the database is lost, yesterday's takes its place, and the workers start."""
    for worker in stack.workers:
        worker.terminate()
    name = stack.database_url.rpartition("/")[2].partition("?")[0]
    database.dropdb(name)
    database.createdb(name)
    _run("pg_restore", "--no-owner", "--exit-on-error", f"--dbname={stack.database_url}", str(dump))
    stack.start_workers()
    stack.wait_ready()


def _run(program: str, *arguments: str) -> None:
    found = shutil.which(program)
    assert found, f"{program} is missing: it comes with PostgreSQL's client package"
    subprocess.run([found, *arguments], check=True)


@pytest.mark.timeout(600)  # a day of orders, twice the start of everything, and a dozen commands
def test_nothing_is_done_twice_and_no_payment_is_lost(
    broker: Broker, durable_database: Database, tmp_path: Path
) -> None:
    with started(broker, durable_database, tmp_path, QUICK) as stack:
        shop, operator, dump = Shop(stack), Operator(stack), tmp_path / "yesterday.dump"
        day = Day(shop, operator)
        day.until_the_backup()
        _run("pg_dump", "--format=custom", f"--file={dump}", stack.database_url)
        day.after_the_backup()
        done = _done(shop)

        _restored(stack, durable_database, dump)
        await_condition(lambda: _paused(operator), 20, "every lane to be paused by itself")
        refused = operator.run("resume")
        assert refused.returncode == 1
        assert "restore-check" in refused.stderr

        told = operator.reads("restore-check")
        assert told["success"] is True
        assert len(told["made_anew"]) == 4
        assert len(told["delivered"]) == 3
        [held] = told["held"]
        assert operator.reads("restore-check", "--since", "2026-01-01T00:00")["held"] == []
        assert _paused(operator)
        assert _done(shop) == done

        operator.does("resume")
        await_condition(lambda: _standing(operator) == {held: "submit"}, 60, "everything else to come to rest")
        assert _done(shop) == done
        fates = {name: shop.status(p)["payment_status"] for name, p in (day.before | day.after).items()}
        assert fates == {
            "finished": "refunded", "unpaid": "paid", "waiting": "paid", "doomed": "refunded", "new": "paid",
            "new and doomed": "refunded", "under way": "paid", "opened": "pending",
        }  # fmt: skip
        assert all(Customer(stack).download(day.before[name]) for name in ("unpaid", "waiting"))
        assert operator.reads("show", day.after["under way"].ticket)["hold_reason"] == "restored"
        assert operator.reads("books", "--reconcile") == []

        Customer(stack).pay(day.after["opened"])
        shop.wait_over([day.after["opened"]])
        assert shop.submissions(day.after["opened"]) == len(shop.mails(day.after["opened"])) == 1


def _standing(operator: Operator) -> dict[str, str]:
    return {row["job_id"]: row["stage"] for row in operator.reads("jobs") if row["stage"] in LIVELY}
