"""A process with a secret in its environment, whose child pries.

`python -m tests.integration.pictures.prying worker`: the process is a worker.
"""

import os
import sys
from dataclasses import dataclass

from common import privileges
from common.pictures.examiner import Examiner
from common.pictures.facts import Bounds
from common.settings import CommonSettings
from common.worker import Worker
from tests.integration.pictures.misbehaving import Pried
from tests.unit.builders import settings


@dataclass(frozen=True)
class Pry:
    """Read what this process keeps to itself."""

    pid: int
    way: str = "pry"


def main() -> None:
    privileges.give_up()  # as workers run: not as root
    if "worker" in sys.argv:
        Worker("finisher", settings(CommonSettings))
    examiner = Examiner("tests.integration.pictures.misbehaving", Pried, Bounds(512, 5, 30))
    sys.stdout.write(str(examiner.look(Pry(os.getpid()))))


if __name__ == "__main__":
    main()
