"""The worker that delivers results and refunds failures: `python -m services.finisher`.

The lane `deliver` decodes untrusted pictures without a Stripe key; the lane `refund` has the key and decodes nothing.
"""

from common.settings import load
from common.worker import Worker
from services.finisher.handler_deliver import Deliver
from services.finisher.handler_refund import Refund
from services.finisher.settings import DeliverSettings, FinisherSettings, RefundSettings


def main() -> None:
    worker = Worker("finisher", load(FinisherSettings))
    worker.run(
        {
            "deliver": lambda: Deliver(load(DeliverSettings), worker.plans),
            "refund": lambda: Refund(load(RefundSettings), worker.plans),
        },
        {},
    )


if __name__ == "__main__":
    main()
