"""The finisher's look at a result, in a process of its own: `python -m services.finisher.inspection`.

The header is judged against what was sold before any pixel is decoded.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from common.pictures import look as eyes
from common.pictures.child import serve
from common.pictures.facts import Look, Unfit
from services.finisher.inspected import Inspect, Inspected, shown_upright

MAX_TEXT = 2000


def inspect(task: Inspect) -> Inspected | Unfit:
    """Judge the file. Never raises for what it holds."""
    try:
        opened = eyes.open_checked(task.look)
        if isinstance(opened, Unfit):
            return opened
        image, media_type = opened
        carried = eyes.orientation(image)
        needed = shown_upright((image.width, image.height), carried, task)
        if needed is None:
            return Unfit("dimensions", f"{image.width} x {image.height} instead of {task.size[0]} x {task.size[1]}")
        if task.reference is None:
            small = eyes.small_copy(image, task.look, needed if needed != carried else 1)
            return Inspected(eyes.seen(image, media_type, small), needed)
        return _compared(image, media_type, needed, task, task.reference)
    except eyes.DecodeError as error:
        return eyes.undecodable(error)


def _compared(image: Any, media_type: str, needed: int, task: Inspect, reference: str) -> Inspected | Unfit:
    """The comparison with the source: the one pass over all pixels, which yields the small copy too."""
    from services.finisher.quality import examine, judge  # noqa: PLC0415 - numpy costs more than most refusals

    upright, size = eyes.noted(image, needed), Path(task.look.path).stat().st_size
    found = examine(upright, eyes.reference(reference), factor=task.factor, file_bytes=size)
    verdict = judge(found.measurements)
    reasons = tuple(map(str, verdict.reasons))
    if verdict.kind == "fail":
        return Unfit(verdict.reasons[0].check, "; ".join(reasons)[:MAX_TEXT], verdict.score)
    if task.look.small_copy:
        eyes.save(found.small, task.look.small_copy)
    return Inspected(eyes.seen(image, media_type, found.small), needed, verdict.score, reasons)


def _answer(task: Mapping[str, Any]) -> Inspected | Unfit:
    told = {**task, "look": Look(**task["look"]), "size": tuple(task["size"])}
    return inspect(Inspect(**told))


if __name__ == "__main__":
    serve(_answer)
