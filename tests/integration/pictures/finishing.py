"""The finisher's work on one result, and what it cost.

`python -m tests.integration.pictures.finishing URL WIDTH HEIGHT FOLDER` prints the verdict, and the peaks of resident
memory of this process and of the largest that it started, in bytes.
"""

import json
import resource
import sys
from pathlib import Path

import services.finisher.__main__ as worker  # all that the worker has in memory
from common.sources import Source
from common.storage import Storage
from services.finisher.deliveries import FetchClaim
from services.finisher.results import Fetch, Results
from services.finisher.settings import DeliverSettings
from tests.unit.builders import JOB, settings

FACTOR = 4


def main() -> None:
    url, wide, high, folder = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    host = url.split("/")[2]
    told = settings(DeliverSettings, result_hosts=host, outbound_allow=host, storage_url=f"file://{folder}")
    source = Source(JOB, False, True, "references/x", wide // FACTOR, high // FACTOR, 1)  # noqa: FBT003 - a row
    about = Fetch(FetchClaim(JOB, 1, 1), url, (wide, high), FACTOR, source)
    found = Results(told, Storage(f"file://{folder}")).fetch(about)
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    own = int(status["VmHWM"].split()[0]) * 1024  # getrusage would count whoever started this process
    child = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    told_back = {"verdict": type(found).__name__, "says": str(found), "own": own, "child": child}
    sys.stdout.write(json.dumps(told_back))


if __name__ == "__main__":
    assert worker
    main()
