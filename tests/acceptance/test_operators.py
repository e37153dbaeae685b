"""The admin's command line, on a running system: what each command shows, does, and refuses."""

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from cli.customer import Purchase
from local.processes import await_condition
from local.stack import Stack
from tests.acceptance.operators import Operator
from tests.acceptance.shop import CAT, LAUNCH_PAD, Shop


@pytest.fixture(scope="module")
def operator(quick_stack: Stack) -> Operator:
    return Operator(quick_stack)


@pytest.fixture(scope="module")
def shop(quick_stack: Stack) -> Shop:
    return Shop(quick_stack)


@pytest.fixture(scope="module")
def delivered(shop: Shop) -> Purchase:
    purchase = shop.buy(CAT, "delivered@customer.example")
    shop.wait_over([purchase])
    return purchase


def _kinds(operator: Operator, purchase: Purchase) -> list[str]:
    return [event["kind"] for event in operator.reads("show", purchase.ticket)["history"]]


def _until(operator: Operator, purchase: Purchase, kind: str, times: int = 1) -> None:
    await_condition(lambda: _kinds(operator, purchase).count(kind) >= times, 45, f"{times} x {kind}")


def test_an_order_is_found_and_shown_whole(operator: Operator, delivered: Purchase) -> None:
    assert delivered.ticket[:14] in operator.does("jobs")
    [row] = operator.reads("jobs", "delivered@customer.example", "--status", "completed")
    assert (row["ticket"], row["email"]) == (delivered.ticket, "d…@customer.example")
    assert operator.reads("jobs", "nobody@customer.example") == []
    shown = operator.does("show", delivered.ticket)
    for words in ("mailed_ready", "Attempts", "succeeded", "Mails", "the customer is reminded", "d…@customer.example"):
        assert words in shown
    assert "delivered@customer.example" not in shown
    assert "delivered@customer.example" in operator.does("show", str(row["job_id"]), "--show-personal")


def test_the_pipeline_the_queues_and_the_workers_are_seen(operator: Operator, delivered: Purchase) -> None:
    seen = operator.reads("top")
    assert {stage["stage"] for stage in seen["stages"]} >= {"submit", "watch", "fetch", "remind"}
    assert {worker["service"] for worker in seen["workers"]} == {
        "ingest", "submitter", "poller", "finisher", "notifier"
    }  # fmt: skip
    assert "Needs attention" in operator.does("top", "--once")
    rows = {row["queue"]: row for row in operator.reads("queues")}
    assert rows["submitter.payment.completed"]["consumers"] == 1
    assert not any(row["missing"] for row in rows.values())
    assert delivered.ticket


def test_what_costs_or_ends_something_is_asked_for(operator: Operator, delivered: Purchase) -> None:
    refused = operator.run("retry", delivered.ticket)
    assert refused.returncode == 1
    assert "--yes" in refused.stderr
    unknown = operator.run("wake", "tk_" + "0" * 32)
    assert unknown.returncode == 1
    assert "No order has" in unknown.stderr


def test_a_hold_a_release_and_a_wake(operator: Operator, delivered: Purchase) -> None:
    operator.does("hold", delivered.ticket, "--why", "the bank called", "--review", "3d", "--as", "anna")
    assert "It is held (the bank called)" in operator.does("show", delivered.ticket)
    assert operator.reads("jobs", "--held")[0]["ticket"] == delivered.ticket
    operator.does("release", delivered.ticket)
    operator.does("wake", delivered.ticket)
    decisions = operator.reads("show", delivered.ticket)["decisions"]
    assert decisions[0]["actor"] == "anna"
    assert [d["verb"] for d in decisions] == ["hold", "release", "wake"]


def test_a_renewed_link_a_mail_again_and_a_corrected_address(operator: Operator, shop: Shop) -> None:
    purchase = shop.buy(LAUNCH_PAD, "wrnog@customer.example")
    shop.wait_over([purchase])
    operator.does("extend", purchase.ticket)
    _until(operator, purchase, "mailed_ready", 2)
    operator.does("resend", purchase.ticket)
    _until(operator, purchase, "mailed_ready", 3)
    operator.does("email", purchase.ticket, "right@customer.example")
    _until(operator, purchase, "mailed_ready", 4)
    accepted = [a for a in shop.ledger("inbox")["attempts"] if a["accepted"]]
    assert sum("wrnog@customer.example" in a["to"] for a in accepted) == 3
    assert sum("right@customer.example" in a["to"] for a in accepted) == 1


def test_an_order_is_given_up_and_refunded(operator: Operator, shop: Shop) -> None:
    _pause_submitter(operator)
    try:
        purchase = shop.buy(CAT, "given-up@customer.example")
        await_condition(lambda: shop.status(purchase)["payment_status"] == "paid", 15, "the payment")
        operator.does("fail", purchase.ticket, "--yes", "--why", "the customer asked")
    finally:
        operator.does("resume")
    shop.wait_over([purchase])
    assert shop.refunds(purchase) == 1


def test_a_picture_handed_in_is_delivered(operator: Operator, shop: Shop, tmp_path: Path) -> None:
    _pause_submitter(operator)
    try:
        purchase = shop.buy(CAT, "by-hand@customer.example")
        await_condition(lambda: shop.status(purchase)["payment_status"] == "paid", 15, "the payment")
        record = operator.reads("show", purchase.ticket)
        size = record["source_width"] * 4, record["source_height"] * 4
        with Image.open("sandbox/shop/photos/cat.jpg") as source:
            source.convert("RGB").resize(size, Image.Resampling.LANCZOS).save(tmp_path / "by-hand.png")
        operator.does("complete", purchase.ticket, str(tmp_path / "by-hand.png"), "--yes")
        shop.wait_over([purchase])
    finally:
        operator.does("resume")
    assert shop.submissions(purchase) == 0
    assert shop.status(purchase)["status"] == "completed"


def test_a_service_is_drained_and_resumed(operator: Operator) -> None:
    assert "takes nothing more" in operator.does("drain", "notifier", "--yes")
    rows = {row["queue"]: row for row in operator.reads("queues")}
    assert rows["notifier.job.completed"]["consumers"] == 0
    operator.does("resume", "notifier")
    await_condition(lambda: _consumers(operator, "notifier.job.completed") == 1, 15, "the notifier to go on")


def test_everything_is_well_as_the_doctor_sees_it(operator: Operator) -> None:
    findings = operator.reads("doctor")
    assert [f for f in findings if f["state"] == "bad"] == []
    assert "Everything is as it should be." in operator.does("doctor")


def test_a_server_that_is_away_is_said_plainly(operator: Operator) -> None:
    away = operator.run("jobs", DATABASE_URL="postgresql://nobody@127.0.0.1:9/none")
    assert away.returncode == 3
    assert "PostgreSQL cannot be reached." in away.stderr
    assert "Traceback" not in away.stderr


def test_the_help_names_every_command_in_its_group(operator: Operator) -> None:
    told = operator.does("--help")
    for words in ("Look", "Decide about an order", "Run the service", "retry", "doctor", "drain", "dead"):
        assert words in told


COMPLETIONS = ["retry", "refund", "release", "resend", "report", "resume", "restore-check"]


def test_the_shell_completes_commands(operator: Operator) -> None:
    asked = {"_ENLARGER_COMPLETE": "complete_bash", "COMP_WORDS": "enlarger re", "COMP_CWORD": "1"}
    assert operator.run(**asked).stdout.split() == COMPLETIONS


def _consumers(operator: Operator, queue: str) -> Any:
    return next(row["consumers"] for row in operator.reads("queues") if row["queue"] == queue)


def _pause_submitter(operator: Operator) -> None:
    """Until the worker itself says so: the command only writes down what is wanted."""
    operator.does("pause", "submitter", "--yes", "--why", "a test")
    await_condition(
        lambda: "submitter" in str([w["paused"] for w in operator.reads("top")["workers"]]), 15, "the submitter's pause"
    )
