"""What looking at one large result costs, beside a bare decode of its file: each in its own process, by turns.

The result is as a shop gets it: a photograph, enlarged, with a sensor's noise, for one of a flat colour decodes in no
time and is none.
"""

import json
import resource
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import pyvips

from bench import machine
from common.pictures.examiner import Examiner
from common.pictures.facts import JPEG, PNG, Bounds, Look
from local.layout import ROOT
from local.processes import LocalError
from local.servers import Say
from services.finisher.inspected import Inspect, Inspected

PROMISED = 1.6
FIGURES = ROOT / "docs" / "benchmarks" / "cost.json"
PHOTOGRAPH = ROOT / "sandbox" / "shop" / "photos" / "raccoon.jpg"
NOISE = 3.0  # levels
FACTOR = 16
BOUNDS = Bounds(memory_mb=1536, cpu_s=120, wall_s=600)
BARE = """
import pyvips, sys
pyvips.cache_set_max(0)
pyvips.concurrency_set(2)
image = pyvips.Image.new_from_file(sys.argv[1], access="sequential", fail_on="warning")
"""
SINKS = {"average": "image.avg()", "nowhere": "image.rawsave('/dev/null')"}
KINDS = {"baseline JPEG": ("result.jpg", {"Q": 90}), "PNG": ("result.png", {"compression": 6})}


@dataclass(frozen=True)
class Cost:
    """One format: CPU seconds (medians) of the look, and of a bare decode whose pixels are averaged, or thrown away."""

    kind: str
    megapixels: float
    look_s: float
    average_s: float
    nowhere_s: float

    @property
    def ratios(self) -> tuple[float, float]:
        return self.look_s / self.average_s, self.look_s / self.nowhere_s


def cost(megapixels: int, rounds: int, say: Say) -> list[Cost]:
    """Measure each format. Raises LocalError where the result does not pass."""
    found = []
    with tempfile.TemporaryDirectory(prefix="enlarger-cost-") as name:
        folder = Path(name)
        width, height = _reference(folder, megapixels)
        for kind, (file, options) in KINDS.items():
            say(f"{kind} of {width * height / 1_000_000:.0f} megapixels")
            _result(width, height).write_to_file(str(folder / file), keep="none", **options)
            times = [_round(folder, file, (width, height)) for _ in range(rounds)]
            look_s, average_s, nowhere_s = (round(median(column), 3) for column in zip(*times, strict=True))
            found.append(Cost(kind, width * height / 1_000_000, look_s, average_s, nowhere_s))
            (folder / file).unlink()
    return found


def record(found: list[Cost], say: Say) -> None:
    """Keep these figures; docs/quality.md tells them."""
    date = datetime.now(UTC).date().isoformat()
    told = {"date": date, "machine": machine.described(), "costs": [asdict(one) for one in found]}
    FIGURES.write_text(json.dumps(told, indent=1, sort_keys=True) + "\n", "utf-8")
    say(f"Recorded in {FIGURES.relative_to(ROOT)}")


def _reference(folder: Path, megapixels: int) -> tuple[int, int]:
    photo = _photograph()
    photo.thumbnail_image(512).pngsave(str(folder / "reference.png"))
    scale = (megapixels * 1_000_000 / (photo.width * photo.height)) ** 0.5
    return int(photo.width * scale) // FACTOR * FACTOR, int(photo.height * scale) // FACTOR * FACTOR


def _result(width: int, height: int) -> pyvips.Image:
    photo = _photograph()
    enlarged = photo.resize(width / photo.width, vscale=height / photo.height, kernel="lanczos3")
    noisy = enlarged.crop(0, 0, width, height) + pyvips.Image.gaussnoise(width, height, sigma=NOISE, mean=0)
    return noisy.cast("uchar").copy(interpretation="srgb")


def _photograph() -> pyvips.Image:
    return pyvips.Image.new_from_file(str(PHOTOGRAPH)).autorot().copy_memory()


def _round(folder: Path, file: str, size: tuple[int, int]) -> tuple[float, float, float]:
    path = str(folder / file)
    before = _spent()
    _looked(folder, path, size)
    look_s = _spent() - before
    bare_s = []
    for sink in SINKS.values():
        before = _spent()
        subprocess.run([sys.executable, "-P", "-c", BARE + sink, path], check=True)
        bare_s.append(_spent() - before)
    return look_s, bare_s[0], bare_s[1]


def _looked(folder: Path, path: str, size: tuple[int, int]) -> None:
    look = Look(path, (JPEG, PNG), 1000, 1000, strict=True, small_copy=str(folder / "preview.jpg"))
    examiner = Examiner("services.finisher.inspection", Inspected, BOUNDS)
    found = examiner.look(Inspect(look, size, 1, FACTOR, str(folder / "reference.png")))
    if not isinstance(found, Inspected):
        raise LocalError(f"The result that was to be measured is refused: {found.measured}")


def _spent() -> float:
    """CPU seconds of all processes that were waited for."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
