"""An order's history becomes seconds per stage."""

from datetime import UTC, datetime, timedelta
from typing import Any

from cli.journey import read

_PAID = datetime(2026, 1, 1, tzinfo=UTC)


def _event(seconds: float, to_stage: str | None, from_stage: str | None = None) -> dict[str, Any]:
    at = (_PAID + timedelta(seconds=seconds)).isoformat()
    return {"at": at, "kind": "moved", "from_stage": from_stage, "to_stage": to_stage}


def test_the_seconds_of_a_stage_run_from_its_entry_to_the_next() -> None:
    history = [_event(0, "checkout"), _event(2, "submit", "checkout"), _event(2.5, "watch", "submit")]
    journey = read({"status": "processing", "stage": "watch", "history": history})
    assert journey.seconds_in("checkout") == 2
    assert journey.seconds_in("submit") == 0.5
    assert journey.seconds_in("watch") is None
    assert journey.worker == "poller"
    assert not journey.over


def test_a_second_stay_in_a_stage_adds_to_the_first() -> None:
    history = [
        _event(0, "submit"),
        _event(1, "watch", "submit"),
        _event(3, "submit", "watch"),
        _event(4, "watch", "submit"),
    ]
    assert read({"status": "processing", "stage": "watch", "history": history}).seconds_in("submit") == 2


def test_what_happens_within_a_stage_does_not_end_it() -> None:
    history = [_event(0, "submit"), _event(1, "submit", "submit"), _event(2, None), _event(4, "watch", "submit")]
    assert read({"status": "processing", "stage": "watch", "history": history}).seconds_in("submit") == 4


def test_a_kept_file_means_that_the_order_is_over() -> None:
    assert read({"status": "completed", "stage": "keep", "history": [_event(0, "keep")]}).over
