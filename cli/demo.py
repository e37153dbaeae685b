"""`./enlarger demo`: buys an enlargement that is delivered, and one that the provider fails and that is refunded."""

import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from cli import keepsakes
from cli.customer import Customer, Purchase
from cli.ending import Ending, show
from cli.failure import ends_plainly
from cli.journey import Journey, read
from cli.observer import Observer
from cli.scene import Scene, Stage
from local.bootstrap import ROOT
from local.processes import POLL_S, LocalError
from local.system import System, system

FOLDER = ROOT / ".enlarger" / "demo"
FACTOR = 4
_WITHIN_S = 60.0
_LOOK_EVERY_S = 10 * POLL_S
_LAST_LINES = 30
_CAT, _LAUNCH_PAD = 105, 103
# Production looks at the provider every 30 s; the demo does not make anybody wait.
_SETTINGS = {"POLL_FIRST_S": "2", "POLL_INTERVAL_S": "2"}


def demo(
    folder: Annotated[Path, typer.Option(help="Made anew; everything that the demo makes lies in it.")] = FOLDER,
) -> None:
    """Buy two enlargements on a private system: one is delivered, one fails and is refunded."""
    console = Console(highlight=False)
    began = time.monotonic()
    with ends_plainly(console):
        with system(folder, settings=_SETTINGS, say=console.print) as running:
            ending = _run(console, running, folder)
        show(console, ending, time.monotonic() - began)


def _run(console: Console, running: System, folder: Path) -> Ending:
    customer, observer = Customer(running.stack), Observer(running.stack)
    delivered = customer.order(_CAT, f"{FACTOR}x", "mia@customer.example")
    refunded = customer.order(_LAUNCH_PAD, f"{FACTOR}x", "noah@customer.example")
    observer.fail_at_provider(refunded.source_url.rpartition("/")[2])
    for purchase in (delivered, refunded):
        customer.pay(purchase)
    journeys = _watch(console, running, delivered, refunded)
    _check_refund(observer, refunded)
    source, result = customer.original(delivered), customer.download(delivered)
    _check_size(source, result)
    return Ending(
        picture=keepsakes.save_picture(folder, result),
        size=keepsakes.size_of(result),
        comparison=keepsakes.before_and_after(source, result, folder / "before-after.jpg"),
        mails=_save_mails(observer, folder / "mails"),
        journeys={purchase.title: journeys[purchase.ticket] for purchase in (delivered, refunded)},
        events=observer.events(),
        folder=folder,
    )


def _watch(console: Console, running: System, delivered: Purchase, refunded: Purchase) -> dict[str, Journey]:
    """Shows both orders until they are over. Raises `LocalError` when a process dies or time is over."""
    scenes = {
        delivered.ticket: Scene(f"{delivered.title}, {FACTOR} times as large", refunded=False),
        refunded.ticket: Scene(f"{refunded.title}, which the provider fails", refunded=True),
    }
    observer = Observer(running.stack)
    deadline = time.monotonic() + _WITHIN_S
    with Stage(console, scenes) as stage:
        while True:
            running.check()
            journeys = {ticket: read(observer.order(ticket)) for ticket in scenes}
            stage.show(journeys)
            if all(journey.over for journey in journeys.values()):
                return journeys
            if time.monotonic() > deadline:
                raise _too_late(running, journeys)
            time.sleep(_LOOK_EVERY_S)


def _too_late(running: System, journeys: dict[str, Journey]) -> LocalError:
    stuck = next(journey for journey in journeys.values() if not journey.over)
    worker = running.stack.worker(stuck.worker)
    return LocalError(
        f"after {_WITHIN_S:.0f} s an order still stands in stage {stuck.stage}, which {worker.name} moves on. "
        f"The last lines of {worker.name}:\n{worker.last_lines(_LAST_LINES)}\n"
        f"All logs are in {running.stack.logs}; run ./enlarger demo again, and report it if it stays."
    )


def _check_refund(observer: Observer, purchase: Purchase) -> None:
    refunded, charged = observer.refunded_cents(purchase.session_id)
    if not charged or refunded != charged:
        raise LocalError(f"Stripe's ledger has {refunded} of {charged} cents refunded for {purchase.title}")


def _check_size(source: bytes, result: bytes) -> None:
    (width, height), size = keepsakes.size_of(source), keepsakes.size_of(result)
    if size != (width * FACTOR, height * FACTOR):
        raise LocalError(f"the picture is {size}, and {FACTOR} times the source's {(width, height)} was sold")


def _save_mails(observer: Observer, folder: Path) -> list[Path]:
    folder.mkdir()
    return [
        keepsakes.save_mail(folder, number, observer.raw_mail(mail["id"]))
        for number, mail in enumerate(observer.mails(), 1)
    ]
