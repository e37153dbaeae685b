"""Enlarger's command line: `./enlarger COMMAND`."""

from collections.abc import Callable, Mapping
from typing import Any

import typer

from cli import (
    bench,
    books,
    breaker,
    budget,
    chaos,
    checks,
    dashboards,
    dead,
    demo,
    docs,
    events,
    jobs,
    load,
    mails,
    operate,
    people,
    pictures,
    queues,
    report,
    sbom,
    screens,
    show,
    switching,
    top,
    up,
    verbs,
)
from cli.doctor import command as doctor
from cli.restore import command as restore

app = typer.Typer(
    help="Fulfils paid image-enlargement orders: every one is delivered or refunded.",
    epilog="Completion for your shell: ./enlarger --install-completion. One command's options: "
    "./enlarger COMMAND --help.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_show_locals=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
Commands = Mapping[str, Callable[..., None]]
PANELS: Mapping[str, Commands] = {
    "Try it": {"demo": demo.demo, "up": up.up},
    "Look": {"jobs": jobs.jobs, "show": show.show, "top": top.top, "queues": queues.queues, "doctor": doctor.doctor},
    "Decide about an order": {
        "retry": verbs.retry,
        "refund": verbs.refund,
        "complete": verbs.complete,
        "fail": verbs.fail,
        "hold": verbs.hold,
        "release": verbs.release,
        "wake": verbs.wake,
        "extend": verbs.extend,
        "resend": verbs.resend,
        "email": verbs.email,
    },
    "Money and figures": {"report": report.report, "books": books.books, "budget": budget.budget},
    "Customers' data": {"export": people.export, "forget": people.forget},
    "Run the service": {
        "pause": switching.pause,
        "resume": switching.resume,
        "drain": switching.drain,
        "restore-check": restore.restore_check,
        "migrate": operate.migrate_database,
        "pictures": pictures.pictures,
    },
    "Develop": {
        "docs": docs.docs,
        "dashboards": dashboards.dashboards,
        "mails": mails.mails,
        "screens": screens.screens,
        "chaos": chaos.chaos,
        "load": load.load,
        "sbom": sbom.sbom,
    },
}
GROUPS: Mapping[str, tuple[str, typer.Typer]] = {
    "dead": ("Look", dead.app),
    "breaker": ("Run the service", breaker.app),
    "events": ("Money and figures", events.app),
    "bench": ("Develop", bench.app),
}
PASSED_ON: dict[str, Any] = {"allow_extra_args": True, "ignore_unknown_options": True}

for panel, commands in PANELS.items():
    for name, command in commands.items():
        app.command(name, rich_help_panel=panel)(command)
    for name, (where, group) in GROUPS.items():
        if where == panel:
            app.add_typer(group, name=name, rich_help_panel=panel)
app.command("test", rich_help_panel="Develop", context_settings=PASSED_ON)(checks.run)

app(prog_name="enlarger")
