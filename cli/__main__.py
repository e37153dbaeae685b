"""Enlarger's command line: `./enlarger COMMAND`."""

import sys
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import typer

PANELS: Mapping[str, Mapping[str, str]] = {
    "Try it": {"demo": "demo.demo", "up": "up.up"},
    "Look": {
        "jobs": "jobs.jobs",
        "show": "show.show",
        "top": "top.top",
        "queues": "queues.queues",
        "doctor": "doctor.command.doctor",
        "dead": "dead.app",
    },
    "Decide about an order": {
        "retry": "verbs.retry",
        "refund": "verbs.refund",
        "complete": "verbs.complete",
        "fail": "verbs.fail",
        "hold": "verbs.hold",
        "release": "verbs.release",
        "wake": "verbs.wake",
        "extend": "verbs.extend",
        "resend": "verbs.resend",
        "email": "verbs.email",
    },
    "Money and figures": {
        "report": "report.report",
        "books": "books.books",
        "budget": "budget.budget",
        "events": "events.app",
    },
    "Customers' data": {"export": "people.export", "forget": "people.forget"},
    "Run the service": {
        "pause": "switching.pause",
        "resume": "switching.resume",
        "drain": "switching.drain",
        "restore-check": "restore.command.restore_check",
        "migrate": "operate.migrate_database",
        "pictures": "pictures.pictures",
        "breaker": "breaker.app",
    },
    "Develop": {
        "docs": "docs.docs",
        "dashboards": "dashboards.dashboards",
        "mails": "mails.mails",
        "screens": "screens.screens",
        "chaos": "chaos.chaos",
        "load": "load.load",
        "sbom": "sbom.sbom",
        "bench": "bench.app",
        "test": "checks.run",
    },
}
PASSED_ON: Mapping[str, Any] = {"test": {"allow_extra_args": True, "ignore_unknown_options": True}}

app = typer.Typer(
    help="Fulfils paid image-enlargement orders: every one is delivered or refunded.",
    epilog="Completion for your shell: ./enlarger --install-completion. One command's options: "
    "./enlarger COMMAND --help.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_show_locals=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def _a_group() -> None:
    """Even where it holds one command."""


def _add(panel: str, name: str, where: str) -> None:
    module, _, attribute = where.rpartition(".")
    found = getattr(import_module(f"cli.{module}"), attribute)
    if isinstance(found, typer.Typer):
        app.add_typer(found, name=name, rich_help_panel=panel)
    else:
        app.command(name, rich_help_panel=panel, context_settings=PASSED_ON.get(name))(found)


# One command needs a few libraries, all of them need everything: over a second of imports, before anything is done.
asked = sys.argv[1] if len(sys.argv) > 1 else ""
known = {name for commands in PANELS.values() for name in commands}
for panel, commands in PANELS.items():
    for name, where in commands.items():
        if name == asked or asked not in known:
            _add(panel, name, where)

app(prog_name="enlarger")
