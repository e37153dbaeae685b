"""`python -m sandbox.stripe`: serves until SIGTERM or Ctrl-C, then exits with 0."""

from sandbox.serving import leave_on_signals, serve
from sandbox.stripe.app import create_app
from sandbox.stripe.desk import Desk
from sandbox.stripe.settings import Settings


def main() -> None:
    settings = Settings()
    leave_on_signals()
    serve(create_app(Desk(settings)), settings.host, settings.port)


if __name__ == "__main__":
    main()
