"""The HTTP edge and its lane `checkout`: `python -m services.ingest`."""

from common.settings import load
from common.worker import Worker
from services.ingest.app import create_app
from services.ingest.canary import Canary
from services.ingest.edge import Parts
from services.ingest.handler import Checkout
from services.ingest.money.stripe import Stripe
from services.ingest.settings import IngestSettings
from services.ingest.sweeping import Sweep
from services.ingest.web.server import Http


def main() -> None:
    settings = load(IngestSettings)
    worker = Worker("ingest", settings)
    stripe = Stripe(settings.stripe_api_key.get_secret_value(), settings.stripe_api_base)
    edge = Parts.of(settings, worker.plans, worker.database, worker.broker, stripe)
    worker.run(
        {"checkout": lambda: Checkout(settings, worker.plans, stripe)},
        {
            "sweep": lambda: Sweep(worker.database, edge.storage, settings.keep),
            "canary": lambda: Canary(
                worker.database, edge.storage, worker.plans, settings.canary_every_min * 60, settings.canary_email
            ),
            "http": lambda: Http(create_app(edge), settings),
        },
    )


if __name__ == "__main__":
    main()
