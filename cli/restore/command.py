"""`./enlarger restore-check`: the command itself, and the order of its steps."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Annotated
from uuid import UUID

import typer
from pydantic import Field
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table

from cli.events import Cashier, LeftToTheClock
from cli.office import AWAY, Json, Office, end, office
from cli.restore import doubts, files, orders
from common import restored
from common.admin import RefusedError
from common.database import Transaction
from common.settings import load
from common.signing import Signer
from common.stages import HOUR_S, plans
from common.storage import Storage
from services.ingest.money import stripe_events
from services.ingest.money.bookkeeping import Difference, Period, reconcile
from services.ingest.money.stripe import Stripe, StripeAwayError, StripeRefusedError
from services.ingest.money.stripe_events import StripeEvent
from services.ingest.settings import IngestSettings

MARGIN = timedelta(minutes=15)  # between Stripe's clock and ours, and while the backup was made
DIFFERENT = 1
UTC_TIME = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]


class RestoreSettings(IngestSettings):
    """What ingest is told, and what the submitter knows of results."""

    result_life_s: float = Field(default=3 * HOUR_S, gt=0)


@dataclass
class Report:
    """What was found. `lost`: payment pages of ours whose orders cannot be made anew; all times in UTC."""

    backup_at: datetime
    noticed_at: datetime
    made_anew: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    events: dict[str, int] = field(default_factory=dict)
    delivered: list[UUID] = field(default_factory=list)
    held: list[UUID] = field(default_factory=list)
    mails_taken_as_sent: int = 0
    differences: list[Difference] = field(default_factory=list)

    @property
    def whole(self) -> bool:
        return not (self.lost or self.differences)


def restore_check(
    *,
    since: Annotated[
        datetime | None,
        typer.Option(formats=UTC_TIME, help="When the backup was made, in UTC; read from its rows by default."),
    ] = None,
    stopped: Annotated[
        datetime | None,
        typer.Option(formats=UTC_TIME, help="When the lost system ran last, in UTC: what was paid later is new."),
    ] = None,
    accept: Annotated[bool, typer.Option(help="Differences are known: let it go on in spite of them.")] = False,
    json: Json = False,
) -> None:
    """After a restore from a backup: find what was paid, bought, refunded and mailed since, before anything runs.

    Pauses everything first, and resumes nothing. May be run again. Exit 1: something differs, and it may not go on yet.
    Exit 3: Stripe or a server of ours gave no answer.
    """
    settings = load(RestoreSettings)
    with office(json=json) as at:
        report = _report(at, _utc(since))
        check = _Check(at, settings, report, _utc(stopped) or report.noticed_at)
        try:
            check.run()
        except (StripeAwayError, StripeRefusedError) as error:
            told = f"Stripe gave no answer: {error}. Everything stays paused; run it again."
            end(json, "stripe_away", told, "Stripe cannot be asked.", AWAY)
        if report.whole or accept:
            with at.database.transaction() as tx:
                restored.accept(tx)
        at.tell(asdict(report) | {"success": report.whole}, lambda: _show(at, report, accepted=report.whole or accept))
        if not (report.whole or accept):
            raise typer.Exit(DIFFERENT)


class _Check:
    """The steps, in an order in which each builds upon the ones before."""

    def __init__(self, at: Office, settings: RestoreSettings, report: Report, stopped: datetime) -> None:
        self._at = at
        self._settings = settings
        self._report = report
        self._stopped = stopped
        self._plans = plans(settings)
        self._stripe = Stripe(settings.stripe_api_key.get_secret_value(), settings.stripe_api_base)
        self._storage = Storage(settings.storage_url)
        self._since_s = int((report.backup_at - MARGIN).timestamp())

    def run(self) -> None:
        with Progress(console=self._at.console, transient=True, disable=self._at.json) as progress:
            task = progress.add_task("Orders that the backup does not know", total=5)
            self._orders()
            progress.update(task, advance=1, description="Payments, refunds and disputes")
            new = self._events()
            progress.update(task, advance=1, description="Pictures that were delivered")
            self._files()
            progress.update(task, advance=1, description="What nobody can know")
            self._doubts(new)
            progress.update(task, advance=1, description="The books, against Stripe's")
            period = Period(first=datetime.fromtimestamp(self._since_s, UTC).date())
            self._report.differences = reconcile(self._at.database, self._stripe, period)

    def _orders(self) -> None:
        # a page lives for a day: one that was opened before the backup is known
        sessions = self._stripe.sessions(self._since_s)
        with self._at.database.transaction() as tx:
            missing = orders.missing(tx, sessions)
        for session in missing:
            made = orders.make_anew(self._at.database, self._storage, self._plans, session)
            (self._report.made_anew if made else self._report.lost).append(session.session_id)

    def _events(self) -> set[UUID]:
        """Act on all that Stripe told since the backup; returns the orders paid when nothing ran any more."""
        cashier = Cashier(self._settings, self._plans, self._at.database, self._stripe, LeftToTheClock())
        new: set[str] = set()
        for payload in self._stripe.events(self._since_s):
            event = StripeEvent.of(payload)
            if not event.handled:
                continue
            outcome = stripe_events.replay(cashier, payload)
            self._report.events[outcome] = self._report.events.get(outcome, 0) + 1
            if payload["created"] >= self._stopped.timestamp() and event.payment_intent:
                new.add(event.payment_intent)
        with self._at.database.transaction() as tx:
            rows = tx.execute(
                """SELECT k.job_id FROM order_keys k JOIN jobs USING (job_id)
                   WHERE k.payment_intent = ANY(%s) AND paid_at >= %s""",
                [list(new), self._report.backup_at],
            )
            return {row[0] for row in rows}

    def _files(self) -> None:
        s = self._settings
        terms = files.Terms(self._plans, Signer(s.secret_key), s.download_ttl_hours * HOUR_S, s.result_life_s)
        with self._at.database.transaction() as tx:
            waiting = files.unfinished(tx)
        self._report.delivered = files.find_delivered(self._at.database, self._storage, terms, waiting)

    def _doubts(self, new: set[UUID]) -> None:
        known = doubts.Known(new, self._report.noticed_at, self._settings.result_life_s)
        with self._at.database.transaction() as tx:
            self._report.held = doubts.hold_doubtful(tx, self._plans, files.unfinished(tx), known)
            self._report.mails_taken_as_sent = doubts.take_as_mailed(tx)


def _report(at: Office, since: datetime | None) -> Report:
    """Pause everything, and find out when the backup was made."""
    with at.database.transaction() as tx:
        restored.guard(tx)
        by_itself = restored.since(tx) is not None
        restored.note(tx)
        noticed_at = restored.since(tx)
        backup_at = since or (_last_sign_of_life(tx) if by_itself else None)
    if noticed_at is None or backup_at is None:
        told = "This database does not look restored, or holds no rows. Say when its backup was made: --since"
        raise RefusedError("backup_unknown", f"{told} 2026-11-21T03:00 (UTC). Everything is paused.")
    return Report(backup_at, noticed_at)


def _last_sign_of_life(tx: Transaction) -> datetime | None:
    """The newest instant that the backup knows of: each worker says every second that it lives."""
    row = tx.execute(
        """SELECT GREATEST((SELECT max(seen_at) FROM workers WHERE seen_at < i.restored_at),
                           (SELECT max(at) FROM job_events WHERE at < i.restored_at),
                           (SELECT max(received_at) FROM stripe_events WHERE received_at < i.restored_at))
           FROM installation i"""
    ).fetchone()
    return row[0] if row else None


def _utc(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment else None


def _show(at: Office, report: Report, *, accepted: bool) -> None:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row("the backup is of", f"{report.backup_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC")
    table.add_row("orders made anew", str(len(report.made_anew)))
    acted = ", ".join(f"{count} {outcome}" for outcome, count in sorted(report.events.items()))
    table.add_row("Stripe's events", acted or "none")
    table.add_row("found delivered", str(len(report.delivered)))
    table.add_row("mails taken as sent", str(report.mails_taken_as_sent))
    table.add_row("held for a person", _named(report.held))
    at.console.print(table)
    for session in report.lost:
        told = f"The order of payment page {session} cannot be made anew: give the money back in Stripe's dashboard."
        at.console.print(f"[bold red]![/] {told}")
    for one in report.differences:
        told = f"{one.payment_intent}: {one.what}; ours {one.ours_cents}, Stripe's {one.stripe_cents} cents"
        at.console.print(f"[bold red]![/] {escape(told)}")
    if accepted:
        at.console.print("[green]✔[/] Nothing is done twice. Everything stays paused until: ./enlarger resume")
    else:
        at.console.print(
            "Everything stays paused. Settle these first, or accept them: ./enlarger restore-check --accept"
        )


def _named(held: Sequence[UUID]) -> str:
    if not held:
        return "0"
    return f"{len(held)}: ./enlarger jobs --held, then release, refund or fail each\n" + "\n".join(map(str, held))
