"""The judge names every planted violation, and nothing where nothing is wrong."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.chaos.customers import Purchase
from tests.chaos.evidence import Download, Evidence, Mail, Payment, Row, Submission
from tests.chaos.fleet import Exit
from tests.chaos.judge import judge
from tests.chaos.world import Disturbance

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
KEPT, BACK = "job-delivered", "job-refunded"
TOKEN = "a" * 64

MIA = Purchase(0, "cs_1", "tk_1", "mia@customer.example", (400, 300))
NOAH = Purchase(1, "cs_2", "tk_2", "noah@customer.example", (400, 300))
RESULT = Submission(KEPT, 1, "up_1", NOON, "delivered", "done", sha256="e" * 64)
READY = Mail(MIA.email, "ready", "<ready.1@shop>", NOON, answered=True, tokens=(TOKEN,))
SORRY = Mail(NOAH.email, "refunded", "<refunded.1@shop>", NOON, answered=True)
FILE = Download(TOKEN, 200, "e" * 64, (400, 300))
PAID = Payment(KEPT, "cs_1", 192)
GIVEN_BACK = Payment(BACK, "cs_2", 192, (("succeeded", 192),), frozenset({"refund:1"}))
ROWS = (Row(KEPT, "remind", "completed", settled=False, late_s=-3600.0, charged_cents=192, refunded_cents=0),
        Row(BACK, "settled", "refunded", settled=True, late_s=None, charged_cents=192, refunded_cents=192))  # fmt: skip

GOOD = Evidence(
    purchases=(MIA, NOAH),
    payments={"cs_1": PAID, "cs_2": GIVEN_BACK},
    submissions=(RESULT, Submission(BACK, 1, "up_2", NOON, "delivered", "failed")),
    mails=(READY, SORRY),
    downloads={TOKEN: FILE},
    rows=ROWS,
    queued={"finisher.upscale.done": 0, "finisher.upscale.done.dead": 1},
    dead=("not JSON at all",),
    poison=frozenset({"not JSON at all"}),
    bites_expected=False,
)
BITTEN = replace(GOOD, kills=3, redeliveries=5, failed_calls=8, bites_expected=True)
TWO_REFUNDS = (("succeeded", 92), ("pending", 100))
LONG_AGO = NOON - timedelta(hours=1)
OUTAGE = Disturbance("F1", "notifier.1", NOON - timedelta(seconds=1), NOON + timedelta(seconds=1))


def _payment(payment: Payment) -> Evidence:
    return replace(GOOD, payments=dict(GOOD.payments) | {payment.session_id: payment})


def _mailed(*mails: Mail) -> Evidence:
    return replace(GOOD, mails=(*GOOD.mails, *mails))


def _submitted(*submissions: Submission) -> Evidence:
    return replace(GOOD, submissions=(*GOOD.submissions, *submissions))


def _downloaded(download: Download) -> Evidence:
    return replace(GOOD, downloads={TOKEN: download})


PLANTED: dict[str, tuple[str, Evidence]] = {
    "lost": ("neither delivered nor refunded", replace(GOOD, mails=(SORRY,))),
    "both": ("delivered and refunded", _payment(replace(PAID, refunds=(("succeeded", 192),)))),
    "refunded twice": ("more than one refund", _payment(replace(GIVEN_BACK, refunds=TWO_REFUNDS))),
    "refunded too little": ("refund of another amount", _payment(replace(GIVEN_BACK, refunds=(("succeeded", 100),)))),
    "two keys": ("a refund under two keys", _payment(replace(GIVEN_BACK, keys=frozenset({"refund:1", "random"})))),
    "our books": ("books differ", replace(GOOD, rows=(replace(ROWS[0], charged_cents=0), ROWS[1]))),
    "no row": ("books differ", replace(GOOD, rows=(ROWS[1],))),
    "same attempt": ("one attempt submitted twice", _submitted(replace(RESULT, provider_id="up_3"))),
    "needless attempt": ("submitted again without need", _submitted(replace(RESULT, attempt=2, provider_id="up_3"))),
    "dead link": ("a mailed link is dead", _downloaded(replace(FILE, status=410))),
    "other bytes": ("not what the provider served", _downloaded(replace(FILE, sha256="f" * 64))),
    "another order's picture": (
        "not what the provider served",
        replace(GOOD, submissions=(replace(RESULT, job_id=BACK), replace(RESULT, sha256="d" * 64))),
    ),
    "wrong size": ("not the size that was sold", _downloaded(replace(FILE, size=(399, 300)))),
    "undecodable": ("not the size that was sold", _downloaded(replace(FILE, size=None))),
    "silence": ("nobody was told", replace(GOOD, mails=(READY,))),
    "false news": ("told what is not so", _mailed(replace(SORRY, to=MIA.email))),
    "two message ids": ("two mails of one kind", _mailed(replace(SORRY, message_id="<refunded.2@shop>"))),
    "needless mail": ("a mail repeated without need", _mailed(SORRY)),
    "asleep for good": ("nothing will wake it", replace(GOOD, rows=(replace(ROWS[0], late_s=None), ROWS[1]))),
    "overslept": ("nothing will wake it", replace(GOOD, rows=(replace(ROWS[0], late_s=90.0), ROWS[1]))),
    "left behind": ("messages are left", replace(GOOD, queued={"finisher.upscale.done": 2})),
    "good dead letter": ("a dead letter that is no poison", replace(GOOD, dead=('{"job_id": "1"}',))),
    "leak": ("a secret in the open", replace(GOOD, leaks=("ingest.1.log holds a token",))),
    "orphan": ("a file that nobody will remove", replace(GOOD, orphans=("results/1#1",))),
    "suicide": ("ended by itself", replace(GOOD, exits=(Exit("poller.1", 70, "worker.stuck"),))),
    "slow drain": ("did not drain in time", replace(GOOD, slow_drains=("poller.1: 12.0 s",))),
    "nobody was killed": ("the faults did not bite", replace(BITTEN, kills=0)),
    "nothing came again": ("the faults did not bite", replace(BITTEN, redeliveries=0)),
    "no call failed": ("the faults did not bite", replace(BITTEN, failed_calls=0)),
    "all given back": ("too little was delivered", BITTEN),
}  # fmt: skip


@pytest.mark.parametrize(("rule", "evidence"), PLANTED.values(), ids=PLANTED.keys())
def test_a_planted_violation_is_named(rule: str, evidence: Evidence) -> None:
    assert rule in {violation.rule for violation in judge(evidence).violations}


def test_a_clean_run_is_acquitted() -> None:
    verdict = judge(GOOD)

    assert not verdict.violations
    assert (verdict.paid, verdict.delivered, verdict.refunded, verdict.ambiguities) == (2, 1, 1, [])


EXCUSED: dict[str, Callable[[], Evidence]] = {
    "an answer that the provider lost": lambda: replace(
        GOOD, submissions=(replace(RESULT, answer="lost"), replace(RESULT, attempt=2, provider_id="up_3"))
    ),
    "a result that could not be fetched": lambda: replace(
        GOOD, submissions=(replace(RESULT, spoilt_downloads=1), replace(RESULT, attempt=2, provider_id="up_3"))
    ),
    "a submitter that was killed": lambda: replace(
        _submitted(replace(RESULT, attempt=2, provider_id="up_3")),
        disturbances=(replace(OUTAGE, target="submitter.2"),),
    ),
    "a 250 that was not sent": lambda: replace(GOOD, mails=(READY, replace(SORRY, answered=False), SORRY)),
    "a notifier that was killed": lambda: replace(_mailed(SORRY), disturbances=(OUTAGE,)),
}


@pytest.mark.parametrize("evidence", EXCUSED.values(), ids=EXCUSED.keys())
def test_a_repeat_after_a_lost_answer_is_counted_and_no_violation(evidence: Callable[[], Evidence]) -> None:
    verdict = judge(evidence())

    assert not verdict.violations
    assert len(verdict.ambiguities) == 1


def test_an_outage_elsewhere_excuses_nothing() -> None:
    elsewhere = replace(_mailed(SORRY), disturbances=(replace(OUTAGE, target="finisher.1"),))
    long_ago = replace(_mailed(SORRY), disturbances=(replace(OUTAGE, began=LONG_AGO, ended=LONG_AGO),))

    assert [v.rule for v in judge(elsewhere).violations] == ["a mail repeated without need"]
    assert [v.rule for v in judge(long_ago).violations] == ["a mail repeated without need"]
