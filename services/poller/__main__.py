"""The worker that watches the provider, and the clock that wakes jobs: `python -m services.poller`."""

from common.settings import load
from common.worker import Worker
from services.poller.clock import Clock
from services.poller.handler import Watch
from services.poller.settings import PollerSettings


def main() -> None:
    settings = load(PollerSettings)
    worker = Worker("poller", settings)
    worker.run(
        {"watch": lambda: Watch(settings, worker.plans)},
        {"clock": lambda: Clock(worker.database, worker.broker, worker.plans, settings.clock_claim_s)},
    )


if __name__ == "__main__":
    main()
