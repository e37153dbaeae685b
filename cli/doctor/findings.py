"""What a look at one thing found."""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """`unseen`: could not be looked at, because something before it is wrong."""

    GOOD = "good"
    WARNING = "warning"
    BAD = "bad"
    UNSEEN = "unseen"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing, how it is, and for what is not good: how to mend it. Never a secret's value."""

    name: str
    state: State
    told: str
    fix: str = ""


def good(name: str, told: str) -> Finding:
    return Finding(name, State.GOOD, told)


def bad(name: str, told: str, fix: str) -> Finding:
    return Finding(name, State.BAD, told, fix)


def warning(name: str, told: str, fix: str) -> Finding:
    return Finding(name, State.WARNING, told, fix)


def unseen(name: str, why: str) -> Finding:
    return Finding(name, State.UNSEEN, why)
