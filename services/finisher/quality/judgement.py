"""`judge`: the measured values against the table of thresholds."""

import math
from dataclasses import dataclass
from typing import Literal

from services.finisher.quality.measurements import Measurements
from services.finisher.quality.thresholds import CHECKS, Check

Kind = Literal["pass", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Reason:
    """A check that warned or failed: its name (bounded: a metric's label), the value and the threshold it passed."""

    check: str
    kind: Literal["warn", "fail"]
    measured: float
    threshold: float
    says: str

    def __str__(self) -> str:
        return f"{self.says} ({self.check}: measured {self.measured:.3g}, threshold {self.threshold:.3g})"


@dataclass(frozen=True, slots=True)
class Verdict:
    """`warn` delivers and raises attention, `fail` does not deliver.

    The score is 1 where there is nothing to find, 0.5 where a check just fails, 0 at twice that and beyond.
    """

    kind: Kind
    reasons: tuple[Reason, ...]
    score: float


def judge(measurements: Measurements) -> Verdict:
    """The verdict, the reasons with the worst first. A value that is no number fails its check."""
    found: list[tuple[float, Reason]] = []
    worst = 0.0
    for check in CHECKS:
        if check.value not in measurements.values:
            continue
        value = measurements.values[check.value]
        severity = check.severity(value) if math.isfinite(value) else math.inf
        worst = max(worst, severity)
        reason = _reason(check, value)
        if reason is not None:
            found.append((severity, reason))
    reasons = tuple(reason for _, reason in sorted(found, key=lambda one: (one[1].kind, -one[0])))
    kinds = {reason.kind for reason in reasons}
    kind: Kind = "fail" if "fail" in kinds else "warn" if "warn" in kinds else "pass"
    return Verdict(kind, reasons, round(1 - min(worst, 2.0) / 2, 3))


def _reason(check: Check, value: float) -> Reason | None:
    if check.fail is not None and (not math.isfinite(value) or check.reached(value, check.fail)):
        return Reason(check.name, "fail", value, check.fail, check.says)
    if check.warn is not None and (not math.isfinite(value) or check.reached(value, check.warn)):
        return Reason(check.name, "warn", value, check.warn, check.says)
    return None
