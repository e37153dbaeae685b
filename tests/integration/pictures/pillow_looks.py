"""All of Pillow's own test pictures, each through an inspection child of its own.

`python -m tests.integration.pictures.pillow_looks WALL_S` prints what was said of each and in how many seconds, and the
largest child's peak of resident memory in bytes: a process of its own, for getrusage counts whoever was waited for.
"""

import json
import resource
import sys
import tempfile
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from PIL import Image

from common.pictures.examiner import Examiner
from common.pictures.facts import Bounds, Look, Unfit
from services.finisher.inspected import Inspect, Inspected
from services.finisher.results import ALLOWED
from services.finisher.settings import DeliverSettings
from tests.integration.pictures.pillow_images import pillow_images
from tests.integration.sandbox.standin import photograph
from tests.unit.builders import settings

AT_ONCE = 3
FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "TIFF")


@dataclass(frozen=True)
class Looked:
    """One file, the verdict's kind ("fit" where there is nothing against it) and words, and in how many seconds."""

    file: str
    kind: str
    says: str
    seconds: float


def main() -> None:
    warnings.simplefilter("ignore")
    told = settings(DeliverSettings)
    bounds = Bounds(told.decode_memory_mb, told.decode_cpu_s, float(sys.argv[1]))
    examiner = Examiner("services.finisher.inspection", Inspected, bounds)
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(AT_ONCE) as several:
        reference = Path(folder) / "reference.png"
        photograph((64, 48)).save(reference)

        def look(file: Path) -> Looked:
            began = time.monotonic()
            what = Look(str(file), ALLOWED, told.max_result_megapixels, told.max_held_megapixels, strict=True)
            found = examiner.look(Inspect(what, _size(file), None, 4, str(reference)))
            seconds = time.monotonic() - began
            unfit = found if isinstance(found, Unfit) else Unfit("fit", "")
            return Looked(file.name, unfit.kind, unfit.measured, seconds)

        looked = list(several.map(look, pillow_images()))
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    sys.stdout.write(json.dumps({"looked": [asdict(one) for one in looked], "memory": memory}))


def _size(file: Path) -> tuple[int, int]:
    """What was sold: the size that the header tells, so that what decodes is compared to the end."""
    with (
        suppress(OSError, ValueError, SyntaxError, Image.DecompressionBombError),
        Image.open(file, "r", FORMATS) as seen,
    ):
        return seen.size
    return 1, 1


if __name__ == "__main__":
    main()
