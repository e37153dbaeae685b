"""Enlarger's command line: `./enlarger COMMAND`."""

import typer

from cli import bench, chaos, checks, demo, docs, mails, operate, up

app = typer.Typer(
    help="Fulfils paid image-enlargement orders: every one is delivered or refunded.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
)
app.command("demo")(demo.demo)
app.command("up")(up.up)
app.command("docs")(docs.docs)
app.command("mails")(mails.mails)
app.command("migrate")(operate.migrate_database)
app.command("pictures")(operate.pictures)
app.command("chaos")(chaos.chaos)
app.add_typer(bench.app, name="bench")
app.command("test", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(checks.run)

app(prog_name="enlarger")
