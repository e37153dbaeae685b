"""The live view of the demo's orders: one block each, one mark for each stage."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.padding import Padding
from rich.text import Text

from cli.journey import DELIVERED, LABELS, REFUNDED, Journey

_MARKS = {"done": ("✓", "green"), "now": ("●", "bold yellow"), "next": ("○", "dim")}


@dataclass(frozen=True)
class Scene:
    """One order on the stage: what the customer bought, and how it is expected to end."""

    heading: str
    refunded: bool

    def block(self, journey: Journey | None) -> Group:
        return Group(Text(self.heading, style="bold"), Padding(self._stages(journey), (0, 0, 1, 2)))

    def _stages(self, journey: Journey | None) -> Text:
        line = Text()
        for stage in REFUNDED if self.refunded else DELIVERED:
            mark, style = _MARKS[_state(stage, journey)]
            line.append(f"{mark} {LABELS[stage]}{_seconds(stage, journey)}   ", style=style)
        if journey is not None and journey.over:
            line.append(journey.status, style="bold green")
        return line


class Stage:
    """Draws in place on a terminal; elsewhere prints one line whenever an order moves."""

    def __init__(self, console: Console, scenes: Mapping[str, Scene]) -> None:
        self._console = console
        self._scenes = scenes
        self._said: dict[str, str] = {}
        self._live = Live(console=console, auto_refresh=False) if console.is_terminal else None

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()

    def show(self, journeys: Mapping[str, Journey]) -> None:
        if self._live:
            blocks = [scene.block(journeys.get(ticket)) for ticket, scene in self._scenes.items()]
            self._live.update(Group(*blocks), refresh=True)
            return
        for ticket, journey in journeys.items():
            self._say(self._scenes[ticket], ticket, journey)

    def _say(self, scene: Scene, ticket: str, journey: Journey) -> None:
        now = journey.status if journey.over else LABELS.get(journey.stage, journey.stage)
        if self._said.get(ticket) != now:
            self._said[ticket] = now
            self._console.print(f"{scene.heading}: {now}", soft_wrap=True)


def _state(stage: str, journey: Journey | None) -> str:
    if journey is None:
        return "next"
    if journey.stage == stage:
        return "now"
    return "done" if journey.over or journey.seconds_in(stage) is not None else "next"


def _seconds(stage: str, journey: Journey | None) -> str:
    if journey is None:
        return ""
    took = journey.seconds_in(stage)
    if took is None and journey.stage == stage and journey.visits:
        took = (datetime.now(UTC) - journey.visits[-1].began).total_seconds()
    return f" {took:.1f} s" if took is not None else ""
