"""Whoever dies at whichever named point around a refund: Stripe makes one, its customer is told once."""

from dataclasses import replace
from typing import Any

import psycopg
import pytest
import requests

from cli.customer import Purchase
from local.layout import program, worker_settings
from local.processes import Process, await_condition
from local.stack import Stack
from tests.acceptance.shop import LAUNCH_PAD, QUICK, Shop

LANE = ("before_commit", "after_commit", "before_refund", "after_refund", "before_publish", "after_publish",
        "before_acknowledge", "after_acknowledge")  # fmt: skip
CLOCK = ("clock_before_commit", "clock_after_commit", "clock_after_publish", "clock_after_settle")
EDGE = ("event_before_commit", "event_after_commit")
TOLD = ("refund.created", "refund.updated", "charge.refunded")
POINTS = [("finisher", point) for point in LANE] + [("poller", p) for p in CLOCK] + [("ingest", p) for p in EDGE]


@pytest.mark.parametrize(("worker", "point"), POINTS, ids=[point for _, point in POINTS])
def test_a_worker_that_dies_around_a_refund_leaves_one(quick_stack: Stack, worker: str, point: str) -> None:
    shop = Shop(quick_stack)
    requests.delete(f"{quick_stack.at.sandbox('stripe')}/sandbox/faults", timeout=10).raise_for_status()
    for event in TOLD if worker == "finisher" else ():  # where ingest hears of it first, the lane has nothing to tell
        shop.fault("stripe", fault="webhook_lost", match=event, count=0)
    quick_stack.worker("finisher").terminate()
    shop.fault("upsampler", fault="failed", match="launch-pad", count=1)
    purchase = shop.buy(LAUNCH_PAD, f"{point}@a.example")
    await_condition(lambda: stage(quick_stack, purchase) == "refund", 30, "the order to have failed")

    die(quick_stack, worker, point)

    for name in ("finisher", worker):
        member = quick_stack.worker(name)
        if not member.alive:
            member.start()
            member.wait_ready()
    shop.wait_over([purchase])
    assert shop.refunds(purchase) == 1
    assert [mail["subject"] for mail in shop.mails(purchase)] == ["We have refunded $0.50"]
    assert books(quick_stack, purchase) == [("charge", 50), ("refund", 50)]


def die(stack: Stack, worker: str, point: str) -> None:
    """Let a process work in this worker's place until it comes to the point, and is killed there."""
    stack.worker(worker).terminate()
    told = worker_settings(stack.folder, stack.at, stack.known)
    servers = {"AMQP_URL": stack.amqp_url, "DATABASE_URL": stack.database_url}
    armed = {"TEST_CRASH_POINTS": f"{point}:1:1", "METRICS_PORT": str(stack.at.health_ports[worker])}
    lane = ("--lane", "refund") if worker == "finisher" else ()
    what = program(f"{worker}-{point}", f"services.{worker}", told | servers | QUICK | armed, stack.folder)
    doomed = Process(replace(what, command=[*what.command, *lane]), stack.logs / f"{worker}-{point}.log")
    doomed.start()
    try:
        if worker == "ingest":  # it is Stripe's word of the refund that it dies over
            await_condition(stack.worker("ingest").ready, 20, "ingest to listen")
            stack.worker("finisher").start()
        await_condition(lambda: not doomed.alive, 40, f"{worker} to die at {point}")
    finally:
        doomed.terminate()
    assert f'"point": "{point}"' in doomed.log.read_text()


def stage(stack: Stack, purchase: Purchase) -> str:
    return str(rows(stack, "SELECT stage FROM jobs WHERE ticket = %s", purchase)[0][0])


def books(stack: Stack, purchase: Purchase) -> list[tuple[Any, ...]]:
    statement = """SELECT l.kind, l.amount_cents::int FROM ledger l JOIN jobs j USING (job_id)
                   WHERE j.ticket = %s AND l.kind IN ('charge', 'refund', 'adjustment') ORDER BY l.kind"""
    return rows(stack, statement, purchase)


def rows(stack: Stack, statement: str, purchase: Purchase) -> list[tuple[Any, ...]]:
    with psycopg.connect(stack.database_url) as connection:
        return connection.execute(statement.encode(), [purchase.ticket]).fetchall()
