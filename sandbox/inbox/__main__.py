"""`python -m sandbox.inbox`: the mail server's stand-in with its page, until SIGTERM."""

from sandbox.inbox.app import build
from sandbox.inbox.settings import Settings
from sandbox.serving import leave_on_signals, serve


def main() -> None:
    leave_on_signals()
    settings = Settings()
    serve(build(settings), settings.sandbox_host, settings.sandbox_inbox_port)


if __name__ == "__main__":
    main()
