"""The month's figures, against orders whose fates are known."""

import csv
import io
import json
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import pytest
import typer
from typer.testing import CliRunner

from cli import report
from common import ledger
from common.admin.figures import Figures, Money, figures
from common.ledger import Account, Charge, Entry, Fee, Kind
from tests.integration.admin.office import Office

SINCE, UNTIL = datetime(2024, 2, 1, tzinfo=UTC), datetime(2024, 3, 1, tzinfo=UTC)
FATES = [("keep", "10 s"), ("keep", "20 s"), ("keep", "90 s"), ("refunded", None), ("submit", None)]


@pytest.fixture
def february(office: Office) -> Figures:
    """Five orders paid in February 2024: three delivered, one refunded, one under way; two rated."""
    if not office.rows("SELECT 1 FROM jobs WHERE paid_at BETWEEN %s AND %s", SINCE, UNTIL):
        ids = [_paid_in_february(office, place, took) for place, took in FATES]
        _booked(office, ids)
        for job_id, stars in zip(ids, (5, 4), strict=False):
            office.rows("INSERT INTO ratings VALUES (%s, %s, '', %s)", job_id, stars, SINCE)
    with office.database.transaction() as tx:
        return figures(tx, SINCE, UNTIL)


def _paid_in_february(office: Office, place: str, took: str | None) -> UUID:
    job_id = office.an_order(place)
    office.rows("UPDATE jobs SET created_at = %s, paid_at = %s WHERE job_id = %s", SINCE, SINCE, job_id)
    if took:
        office.rows("UPDATE jobs SET completed_at = paid_at + %s::interval WHERE job_id = %s", took, job_id)
    return job_id


def _booked(office: Office, ids: list[UUID]) -> None:
    with office.database.transaction() as tx:
        for job_id in ids:
            ledger.book(tx, ledger.charged(Charge(job_id, 192, "usd", f"pi_{job_id}"), Fee(Decimal("2.9"), 30)))
        back = Entry(ids[3], "refund:1", Kind.REFUND, Account.REFUNDS, Account.STRIPE, 192, "usd")
        cost = Entry(ids[0], "provider_cost:9", Kind.PROVIDER_COST, Account.PROVIDER_COSTS, Account.PROVIDER, 64, "usd")
        ledger.book(tx, [back, cost])
        tx.execute("ALTER TABLE ledger DISABLE TRIGGER ledger_append_only")
        tx.execute("UPDATE ledger SET at = %s WHERE job_id = ANY(%s)", [SINCE, ids])
        tx.execute("ALTER TABLE ledger ENABLE TRIGGER ledger_append_only")


def test_counts_times_and_reasons(february: Figures) -> None:
    assert (february.paid, february.delivered, february.failed, february.under_way) == (5, 3, 1, 1)
    assert february.completion == Decimal(3) / 4
    assert february.average_s == pytest.approx(40)
    assert february.p95_s == pytest.approx(83)
    assert february.reasons == {"timeout": 1}


def test_money_is_what_was_booked(february: Figures) -> None:
    """Four attempts cost 4 cents each, and one of a later number 64."""
    [usd] = february.money
    assert usd == Money("usd", revenue=5 * 192, refunds=192, disputes=0, fees=5 * 36, cost=80)
    assert usd.margin == 960 - 192 - 180 - 80


def test_ratings(february: Figures) -> None:
    assert (february.ratings, february.stars, february.by_stars) == (2, 4.5, {5: 1, 4: 1})


def test_a_month_without_anything_is_no_error(office: Office) -> None:
    with office.database.transaction() as tx:
        found = figures(tx, datetime(2001, 1, 1, tzinfo=UTC), datetime(2001, 2, 1, tzinfo=UTC))
    assert (found.paid, found.completion, found.money, found.stars) == (0, None, [], None)


def test_the_command_prints_a_table_csv_and_json(
    office: Office, february: Figures, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert february.paid
    monkeypatch.setenv("DATABASE_URL", office.database_url)
    told = {way: _printed("--month", "2024-02", *way) for way in ((), ("--csv",), ("--json",))}
    for words in ("February 2024", "75.00%", "timeout", "4.50 of 5", "9.60"):
        assert words in told[()]
    rows = dict(csv.reader(io.StringIO(told["--csv",])))
    document = json.loads(told["--json",])
    assert rows["revenue_usd_cents"] == "960"
    assert {name: str(value) for name, value in document.items()} == {k: v for k, v in rows.items() if k != "figure"}
    assert CliRunner().invoke(_app(), ["--month", "soon"]).exit_code == 1


def _printed(*arguments: str) -> str:
    done = CliRunner().invoke(_app(), list(arguments), env={"COLUMNS": "120"})
    assert done.exit_code == 0, done.output
    return done.output


def _app() -> typer.Typer:
    app = typer.Typer()
    app.command()(report.report)
    return app
