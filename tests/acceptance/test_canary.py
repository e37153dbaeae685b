"""A free order of our own goes through every stage, again and again, and stands in no count and no book."""

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from local.processes import await_condition
from local.stack import Stack
from tests.acceptance.conftest import StartStack
from tests.acceptance.operators import Operator
from tests.acceptance.shop import QUICK, Shop

OWN = "canary@operator.example"
UNCOUNTED = ("enlarger_jobs", "enlarger_credits", "enlarger_account_cents", "enlarger_paid_orders_unsettled",
             "enlarger_budget_spent")  # fmt: skip


@pytest.mark.timeout(400)  # each of its looks at the system is a process of its own
def test_canaries_come_through_every_stage_and_count_nowhere(start_stack: StartStack) -> None:
    told = {"CANARY_EVERY_MIN": "0.05", "CANARY_EMAIL": OWN, "CENSUS_S": "1", "BUDGET_MONTHLY_CENTS": "100000"}
    stack = start_stack(**(QUICK | told))
    shop, operator = Shop(stack), Operator(stack)
    await_condition(lambda: len(_settled(operator)) >= 2, 90, "two canaries to come through")
    await_condition(lambda: bool(_figures(stack, "enlarger_canary_stage_seconds")), 20, "the census to tell of them")

    stages = {labels["stage"] for labels, _ in _figures(stack, "enlarger_canary_stage_seconds")}
    assert stages == {"submit", "watch", "fetch", "announce", "keep"}
    assert shop.ledger("stripe")["calls"] == []
    mails = [attempt for attempt in shop.ledger("inbox")["attempts"] if attempt["accepted"]]
    assert {to for mail in mails for to in mail["to"]} == {OWN}
    assert operator.reads("jobs") == []
    assert all(row["orders"] == 0 for row in operator.reads("top")["stages"])
    assert operator.reads("report")["orders_made"] == 0
    assert operator.reads("books")["lines"] == []
    for name in UNCOUNTED:
        assert sum(value for _, value in _figures(stack, name)) == 0, name


def _settled(operator: Operator) -> list[str]:
    return [row["job_id"] for row in operator.reads("jobs", "--canary") if row["stage"] == "settled"]


def _figures(stack: Stack, name: str) -> list[tuple[dict[str, str], float]]:
    text = requests.get(f"{stack.at.health('poller')}/metrics", timeout=10).text
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return [(sample.labels, sample.value) for sample in samples if sample.name == name]
