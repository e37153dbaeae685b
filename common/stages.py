"""The stage table of design section 4, as data: which event moves a stage on, and when it is emitted again."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from common.events import (
    CheckoutCheck,
    Event,
    FileExpired,
    JobCompleted,
    JobRefunded,
    LinkExpiring,
    PaymentCompleted,
    UpscaleCheck,
    UpscaleDone,
    UpscaleFailed,
)
from common.settings import CommonSettings

GROWTH_LIMIT_S = 3600.0
HOUR_S = 3600.0
REMIND_BEFORE_S = 3 * HOUR_S  # design section 4: 3 h before the link expires


class Stage(StrEnum):
    """What moves the job next."""

    CHECKOUT = "checkout"
    SUBMIT = "submit"
    WATCH = "watch"
    FETCH = "fetch"
    REFUND = "refund"
    ANNOUNCE = "announce"
    REMIND = "remind"
    KEEP = "keep"
    SETTLED = "settled"


class Status(StrEnum):
    """What people see."""

    AWAITING_PAYMENT = "awaiting_payment"
    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    REFUNDED = "refunded"
    ABANDONED = "abandoned"


@dataclass(frozen=True, slots=True)
class Plan:
    """One row of the stage table. Wakes after `first_s` seconds, then every `every_s`, doubling if it `grows`."""

    event: type[Event]
    first_s: float
    every_s: float
    grows: bool = False
    longest_s: float = GROWTH_LIMIT_S

    def wait_s(self, wakes: int) -> float:
        """Seconds to the wake-up after `wakes` of them brought no progress."""
        if not self.grows:
            return self.every_s
        return float(min(self.every_s * 2 ** min(wakes, 16), max(self.longest_s, self.every_s)))


def plans(settings: CommonSettings) -> Mapping[Stage, Plan]:
    """The stage table with this installation's waits, in seconds. `settled` has no row: nothing moves it."""
    wake, longest = settings.wake_first_s, settings.wake_longest_s
    remind_s = max(settings.download_ttl_hours * HOUR_S - REMIND_BEFORE_S, 0)
    return {
        Stage.CHECKOUT: Plan(CheckoutCheck, settings.checkout_check_s, settings.checkout_check_s),
        Stage.SUBMIT: Plan(PaymentCompleted, wake, wake, grows=True, longest_s=longest),
        Stage.WATCH: Plan(UpscaleCheck, settings.poll_first_s, settings.poll_interval_s),
        Stage.FETCH: Plan(UpscaleDone, wake, wake, grows=True, longest_s=longest),
        Stage.REFUND: Plan(UpscaleFailed, wake, wake, grows=True, longest_s=longest),
        Stage.ANNOUNCE: Plan(JobCompleted, wake, wake, grows=True, longest_s=longest),
        Stage.REMIND: Plan(LinkExpiring, remind_s, wake, grows=True, longest_s=longest),
        Stage.KEEP: Plan(FileExpired, settings.file_keep_days * 24 * HOUR_S, wake, grows=True, longest_s=longest),
    }


def event_of(plan: Plan, status: Status) -> type[Event]:
    """The one event of a stage; `announce` has two, told apart by the job's status."""
    return JobRefunded if plan.event is JobCompleted and status is not Status.COMPLETED else plan.event
