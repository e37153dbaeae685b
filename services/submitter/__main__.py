"""The worker that submits paid orders to the provider: `python -m services.submitter`."""

from common.settings import load
from common.worker import Worker
from services.submitter.handler import Submit
from services.submitter.settings import SubmitterSettings


def main() -> None:
    settings = load(SubmitterSettings)
    worker = Worker("submitter", settings)
    worker.run({"submit": lambda: Submit(settings, worker.plans)}, {})


if __name__ == "__main__":
    main()
