"""`./enlarger bench machinery`: the pipeline alone, its outside effects switched to nothing by its own settings."""

from bench.measure import TRICKLE, Result, measure
from bench.ours import Ours
from bench.rig import rig
from local.servers import Say


def machinery(count: int, say: Say) -> tuple[Result, dict[str, str]]:
    """Measure our four workers on private servers."""
    with rig(say) as running:
        return measure(running, Ours(), count, trickle=min(TRICKLE, count)), running.versions
