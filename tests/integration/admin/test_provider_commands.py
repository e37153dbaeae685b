"""`./enlarger breaker` and `./enlarger budget`: what the operator sees and decides about the provider."""

import json
from datetime import UTC, datetime

import pytest
import typer
from typer.testing import CliRunner, Result

from cli import breaker, budget
from common import breaker as breakers
from common.limits import LimitSettings
from common.provider import OurTrouble
from tests.integration.admin.office import Office

LIMITS = LimitSettings(_env_file=None).limits


@pytest.fixture(autouse=True)
def known(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", office.database_url)


def run(*arguments: str) -> Result:
    app = typer.Typer()
    app.command()(budget.budget)
    app.add_typer(breaker.app, name="breaker")
    return CliRunner().invoke(app, list(arguments), env={"COLUMNS": "120"})


def test_a_breaker_is_closed_by_a_person_once_with_an_audit_row(office: Office) -> None:
    with office.database.transaction() as tx:
        breakers.heard(tx, [OurTrouble("status 401")], LIMITS)
    shown = run("breaker", "show")
    assert ("open" in shown.output, "status 401" in shown.output) == (True, True), shown.output
    assert json.loads(run("breaker", "show", "--json").output)["state"] == "open"

    closed = run("breaker", "close", "--why", "a new key", "--as", "anna")

    assert closed.exit_code == 0, closed.output
    assert json.loads(run("breaker", "show", "--json").output)["state"] == "closed"
    [row] = office.rows("SELECT actor, why, detail FROM audit WHERE verb = 'close_breaker'")
    assert row == {"actor": "anna", "why": "a new key", "detail": {"was": "open", "why": "status 401"}}
    assert run("breaker", "close").exit_code == 1, "there is nothing to close"


def test_the_budget_names_the_day_on_which_it_ends(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "No budget is set" in run("budget").output
    office.an_order("watch")
    monkeypatch.setenv("BUDGET_MONTHLY_CREDITS", "1")
    monkeypatch.setenv("BUDGET_DAILY_CENTS", "1000000")
    told = json.loads(run("budget", "--json").output)
    month, day = sorted(told["budgets"], key=lambda row: str(row["period"]), reverse=True)
    assert (month["unit"], month["period"], month["limit"], month["spent"]) == (
        "credits", "month", 1, told["credits_this_month"],
    )  # fmt: skip
    assert month["spent"] >= 1
    assert day["used_up_on"] is None
    ends = datetime.fromisoformat(month["used_up_on"])
    assert ends >= datetime.now(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    page = run("budget").output
    assert f"{ends:%Y-%m-%d}" in page
    assert "cents of the day" in page
