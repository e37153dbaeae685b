"""Safety controls broken one at a time: for each a schedule on which it matters, and the violation that must be seen.

The same schedule runs first with the control in place: then the judge must find nothing. What it finds with the
control broken is therefore due to the control.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from local.servers import Servers
from tests.chaos.run import Plan, Say, run
from tests.chaos.world import Setup

ONE_EACH = dict.fromkeys(("ingest", "submitter", "poller", "finisher", "notifier"), 1)
SECONDS = 8.0
QUIET_S = 15.0
ORDERS = 12
SEEDS = (7, 8, 9)
# Waits so long that only the messages move anything within the run: the clock must not hide what a message lost.
PATIENT = {"WAKE_FIRST_S": "600", "WAKE_LONGEST_S": "600", "POLL_FIRST_S": "600", "POLL_INTERVAL_S": "600"}


@dataclass(frozen=True)
class Directed:
    """A schedule made for one control. `seen`: the rules of which at least one must be broken by its absence."""

    seen: Sequence[str]
    settings: Mapping[str, str] = field(default_factory=dict)
    crash: Mapping[str, str] = field(default_factory=dict)
    faults: Sequence[str] = ()
    armed: Sequence[tuple[str, str, Mapping[str, object]]] = ()


class UnfitError(Exception):
    """The schedule breaks a promise by itself: what it shows about the control is nothing."""


LOST = ("neither delivered nor refunded",)
SCHEDULES: Mapping[str, Directed] = {
    # Its message was acknowledged, its change was not committed: nobody moves the order before the clock does.
    "ack_before_commit": Directed(LOST, settings=PATIENT, crash={"finisher": "before_commit:0.3"}),
    # Both webhooks are lost: only the clock can move anything.
    "no_wakeup": Directed(
        (*LOST, "nothing will wake it"),
        armed=(("stripe", "webhook_lost", {"count": 0}), ("upsampler", "webhook_lost", {"count": 0})),
    ),
    # An old look at the provider is answered after a newer one has moved the order on.
    "no_stage_condition": Directed(
        ("two mails of one kind", *LOST, "books differ", "delivered and refunded", "submitted again without need"),
        settings={"POLL_FIRST_S": "1", "POLL_INTERVAL_S": "0.3"},
        faults=("F15",),
        armed=(
            ("upsampler", "status_hang", {"count": 20, "seconds": 1.2}),
            ("upsampler", "webhook_duplicate", {"count": 0}),
        ),
    ),
    # The provider answers, and nobody writes down what: no webhook heals it.
    "answer_not_recorded": Directed(
        ("submitted again without need", *LOST), armed=(("upsampler", "webhook_lost", {"count": 0}),)
    ),
    # A refund whose answer was lost is asked for again.
    "random_refund_key": Directed(
        ("a refund under two keys", "more than one refund"),
        armed=(
            ("upsampler", "failed", {"count": 4}),
            ("stripe", "refuse_before", {"count": 4, "match": "requested_by_customer"}),
        ),
    ),
    # The submitter dies between the provider's yes and its own note.
    "no_attempt_row": Directed(("one attempt submitted twice",), crash={"submitter": "after_submit:0.4"}),
    # Ingest dies between the event's record and its effect; nobody asks Stripe meanwhile.
    "event_apart_from_effect": Directed(
        LOST,
        settings={"CHECKOUT_CHECK_S": "3600"},
        crash={"ingest": "event_before_commit:0.3"},
        armed=(("stripe", "webhook_lost", {"count": 0, "match": "payment_intent.succeeded"}),),
    ),
    "token_not_hashed": Directed(("a secret in the open",)),
}


def hunt(servers: Servers, folder: Path, say: Say, names: Sequence[str]) -> dict[str, str]:
    """For each broken control the judge's first words about it; "" for one that survived every seed, or was never
    tried: the schedule broke a promise (a machine too busy to come to rest, for one) with the control in place.

    A race is not lost every time: what one seed does not show, the next one may.
    """
    caught: dict[str, str] = {}
    for name in names:
        told = ""
        for seed in SEEDS:
            try:
                caught[name] = _try(servers, folder / name / str(seed), name, seed)
                told = f"caught   {name}: {caught[name]}" if caught[name] else f"SURVIVED {name}: the judge saw nothing"
            except UnfitError as error:
                caught[name] = ""
                told = f"UNFIT    {name}: {error}"
            if caught[name]:
                break
        say(told)
    return caught


def _try(servers: Servers, folder: Path, name: str, seed: int) -> str:
    directed = SCHEDULES[name]
    settings = {"CLAIM_MARGIN_S": "1"} | dict(directed.settings)
    setup = Setup(seed, settings, directed.crash, ONE_EACH)
    plan = Plan(ORDERS, SECONDS, setup, directed.faults, directed.armed, quiet_s=QUIET_S, bites_expected=False)
    control = run(servers, folder / "control", plan, _quietly)
    if control.verdict.violations:
        raise UnfitError(f"with the control in place the judge saw: {control.verdict.violations[0]}")
    broken = replace(plan, setup=replace(setup, settings=settings | {"TEST_MUTANT": name}))
    outcome = run(servers, folder / "broken", broken, _quietly)
    expected = [violation for violation in outcome.verdict.violations if violation.rule in directed.seen]
    return str(expected[0]) if expected else ""


def _quietly(_: str) -> None:
    """Two runs for each control: their own words would bury the result."""
