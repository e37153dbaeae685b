"""`./enlarger bench machinery`: the pipeline alone, its outside effects switched to nothing by its own settings."""

from dataclasses import replace

from bench.measure import TRICKLE, Result, measure, steady
from bench.ours import Ours
from bench.rig import rig
from local.servers import Say


def machinery(count: int, say: Say) -> tuple[Result, dict[str, str]]:
    """Measure our four workers on private servers."""
    with rig(say) as running:
        crowd = measure(running, Ours(), count)
        late = steady(running, [Ours()], min(TRICKLE, count))
        return replace(crowd, trickle=late[Ours.name]), running.versions
