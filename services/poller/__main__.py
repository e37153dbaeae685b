"""The worker that watches the provider, the clock that wakes jobs, the census: `python -m services.poller`."""

from common.figures import Figures
from common.settings import load
from common.worker import Worker
from services.poller.census import Census
from services.poller.clock import Clock
from services.poller.handler import Watch
from services.poller.places import places_of
from services.poller.settings import PollerSettings


def main() -> None:
    settings = load(PollerSettings)
    worker = Worker("poller", settings)
    places = places_of(settings, worker.database, worker.plans)
    worker.run(
        {"watch": lambda: Watch(settings, worker.plans)},
        {
            "clock": lambda: Clock(worker.database, worker.broker, worker.plans, settings.clock_claim_s, places),
            "census": lambda: Census(worker.database, settings, Figures()),
        },
    )


if __name__ == "__main__":
    main()
