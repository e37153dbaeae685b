"""The finisher's look at a result, in a process of its own: `python -m services.finisher.inspection`.

The header is judged against what was sold before any pixel is decoded.
"""

from collections.abc import Mapping
from typing import Any

from common.pictures import look as eyes
from common.pictures.child import serve
from common.pictures.facts import Look, Unfit
from services.finisher.inspected import Inspect, Inspected, shown_upright


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
        small = eyes.small_copy(image, task.look, needed if needed != carried else 1)
        return Inspected(eyes.seen(image, media_type, small), needed)
    except eyes.DecodeError as error:
        return eyes.undecodable(error)


def _answer(task: Mapping[str, Any]) -> Inspected | Unfit:
    return inspect(Inspect(Look(**task["look"]), tuple(task["size"]), task["turned"]))


if __name__ == "__main__":
    serve(_answer)
