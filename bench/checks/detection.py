"""From trials to rates: detections and false alarms, each with its Wilson interval, and what was promised."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from math import sqrt
from typing import Any

from bench.checks.trial import Trial

Z = 1.96  # 95 %
PROMISED = {"gross": 0.99, "subtle": 0.90}
FALSE_ALARMS = 0.005
FINE_NEEDED = 600


@dataclass(frozen=True)
class Rate:
    """How many of the trials of one kind ended in `fail` and in `warn`; `low` and `high` bound the rate of `fail`."""

    name: str
    group: str
    trials: int
    failed: int
    warned: int
    skipped: int
    photographs: int
    photographs_failed: int
    low: float
    high: float

    @property
    def rate(self) -> float:
        return self.failed / self.trials if self.trials else 0.0


def wilson(hits: int, trials: int) -> tuple[float, float]:
    """The 95 % interval of Wilson for a rate."""
    if not trials:
        return 0.0, 1.0
    share, spread = hits / trials, Z * Z / trials
    middle = (share + spread / 2) / (1 + spread)
    half = Z * sqrt(share * (1 - share) / trials + spread / (4 * trials)) / (1 + spread)
    return max(0.0, middle - half), min(1.0, middle + half)


def rate(name: str, group: str, trials: Iterable[Trial]) -> Rate:
    """The rates of these trials; a photograph counts as failed when any of its trials did."""
    known = list(trials)
    counted = [trial for trial in known if trial.kind != "skip"]
    failed = [trial for trial in counted if trial.kind == "fail"]
    warned = sum(trial.kind == "warn" for trial in counted)
    photographs = {trial.photograph for trial in counted}
    low, high = wilson(len(failed), len(counted))
    return Rate(
        name=name,
        group=group,
        trials=len(counted),
        failed=len(failed),
        warned=warned,
        skipped=len(known) - len(counted),
        photographs=len(photographs),
        photographs_failed=len({trial.photograph for trial in failed}),
        low=round(low, 5),
        high=round(high, 5),
    )


def rates(trials: Sequence[Trial]) -> list[Rate]:
    """One rate for each enlarger and each corruption, in the order in which they were tried."""
    kinds: dict[tuple[str, str], list[Trial]] = defaultdict(list)
    for trial in trials:
        kinds[trial.name, trial.group].append(trial)
    return [rate(name, group, known) for (name, group), known in kinds.items()]


def totals(trials: Sequence[Trial]) -> list[Rate]:
    """One rate for each group."""
    return [
        rate(group, group, [t for t in trials if t.group == group]) for group in ("gross", "subtle", "other", "fine")
    ]


def kept(found: Sequence[Rate]) -> bool:
    """Is every promise kept, by each group as a whole and, in the promised groups, by each corruption?"""
    fine = [one for one in found if one.group == "fine"]
    alarms, tried = sum(one.failed for one in fine), sum(one.trials for one in fine)
    promised = [one for one in found if one.group in PROMISED and one.trials]
    return alarms <= FALSE_ALARMS * tried and all(one.rate >= PROMISED[one.group] for one in promised)


def misses(trials: Sequence[Trial]) -> list[dict[str, Any]]:
    """Every false alarm, and every gross or subtle corruption that did not fail, by photograph."""
    wrong = [
        trial
        for trial in trials
        if (trial.group == "fine" and trial.kind == "fail")
        or (trial.group in PROMISED and trial.kind in {"pass", "warn"})
    ]
    return [asdict(trial) for trial in wrong]
