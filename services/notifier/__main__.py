"""The worker that writes to customers and to the admin: `python -m services.notifier`."""

from common.settings import load
from common.worker import Worker
from services.notifier.handler import Notify
from services.notifier.notices import Notices
from services.notifier.settings import NotifierSettings


def main() -> None:
    settings = load(NotifierSettings)
    worker = Worker("notifier", settings)
    worker.run(
        {"notify": lambda: Notify(settings, worker.plans)},
        {"notices": lambda: Notices(settings, worker.database)},
    )


if __name__ == "__main__":
    main()
