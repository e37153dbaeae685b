"""What the finisher asks about a result, and what it is told: values for both sides of the wall."""

from dataclasses import dataclass

from common.pictures.facts import SIDEWAYS, Look, Seen


@dataclass(frozen=True, slots=True)
class Inspect:
    """Look at a result.

    `size`: width and height, in pixels, of the source as it is stored, times the factor. `turned`: the source's EXIF
    orientation; None where nobody looked at the source. `reference`: the source's small copy, which the result is
    compared with; None where there is none. `factor`: how many times larger it was sold.
    """

    look: Look
    size: tuple[int, int]
    turned: int | None
    factor: int = 1
    reference: str | None = None


@dataclass(frozen=True, slots=True)
class Inspected:
    """A result that is what was sold. `orientation`: what its file must carry to be shown upright.

    `score` of the comparison with the source, 1 the best; None where there was none. `warnings`: for people to see.
    """

    seen: Seen
    orientation: int
    score: float | None = None
    warnings: tuple[str, ...] = ()


def shown_upright(stored: tuple[int, int], orientation: int, task: Inspect) -> int | None:
    """The orientation that a result of this size must carry; None when it has not the size that was sold.

    Sizes count as people see them, so a source stored on its side may come back upright, its width and height
    swapped. One that comes back on its side without the note that says so (many enlargers drop it) is given it again.
    """
    sold = task.size
    if task.turned is None:
        return orientation if stored in {sold, sold[::-1]} else None
    upright = sold[::-1] if task.turned in SIDEWAYS else sold
    if (stored[::-1] if orientation in SIDEWAYS else stored) == upright:
        return orientation
    return task.turned if task.turned in SIDEWAYS and orientation == 1 and stored == sold else None
