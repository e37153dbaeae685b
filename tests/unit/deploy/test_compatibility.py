"""What an update may change while the version before it still runs: messages and schema only ever grow."""

import re
from typing import Any

import pytest
import yaml

from cli.docs import asyncapi
from common.events import EVENTS
from common.schema import MIGRATIONS
from tests import previous

OLD: dict[str, Any] = yaml.safe_load(previous.text_of("docs/asyncapi.yaml"))["components"]["messages"]
NEW: dict[str, Any] = yaml.safe_load(asyncapi())["components"]["messages"]
OLD_MIGRATIONS = [path for path in previous.files_in("common/migrations") if path.endswith(".sql")]
# The old version still reads, writes and inserts while these would take something away from it.
SHRINKS = re.compile(
    r"\bDROP\s+(TABLE|COLUMN|CONSTRAINT|INDEX)\b|\bRENAME\b|\bSET\s+NOT\s+NULL\b|\bALTER\s+(COLUMN\s+)?\w+\s+(SET\s+DATA\s+)?TYPE\b"
    r"|\bADD\s+COLUMN\s+\w+\s+[^,;]*\bNOT\s+NULL\b(?![^,;]*\bDEFAULT\b)",
    re.IGNORECASE,
)

# What they drop, something else stands in for: jobs_listed and jobs_ticket, order_keys, longer or smaller indexes.
WEIGHED = {
    "0016_fewer_indexes.sql", "0017_one_ticket_index.sql", "0020_keys_elsewhere.sql", "0021_one_history_index.sql",
    "0022_indexes_of_less.sql", "0023_stood_in_for.sql",
}  # fmt: skip


def _data(messages: dict[str, Any], event: str) -> dict[str, Any]:
    return dict(messages[event]["payload"]["properties"]["data"])


@pytest.mark.parametrize("event", OLD)
def test_the_old_workers_find_in_new_messages_what_they_need(event: str) -> None:
    assert set(_data(OLD, event).get("required", [])) <= set(_data(NEW, event)["properties"])


@pytest.mark.parametrize("event", OLD)
def test_the_new_workers_need_nothing_that_old_messages_lack(event: str) -> None:
    assert set(_data(NEW, event).get("required", [])) <= set(_data(OLD, event).get("required", []))


@pytest.mark.parametrize("event", OLD)
def test_a_field_keeps_its_type(event: str) -> None:
    old, new = _data(OLD, event)["properties"], _data(NEW, event)["properties"]
    assert {name: old[name].get("type") for name in old} == {name: new[name].get("type") for name in old}


def test_no_event_and_no_migration_is_taken_back() -> None:
    assert set(OLD) <= set(EVENTS)
    for path in OLD_MIGRATIONS:
        assert (MIGRATIONS / path.rpartition("/")[2]).read_text() == previous.text_of(path), f"{path} was changed"


def test_new_migrations_only_add() -> None:
    known = {path.rpartition("/")[2] for path in OLD_MIGRATIONS} | WEIGHED
    for file in sorted(MIGRATIONS.glob("*.sql")):
        text = re.sub(r"--[^\n]*", "", file.read_text())
        assert file.name in known or not SHRINKS.search(text), f"{file.name}: the version before it could not go on"


@pytest.mark.parametrize(
    ("statement", "shrinks"),
    [
        ("ALTER TABLE jobs ADD COLUMN mood text", False),
        ("ALTER TABLE jobs ADD COLUMN mood text NOT NULL DEFAULT 'fine'", False),
        ("ALTER TABLE jobs ADD COLUMN mood text NOT NULL", True),
        ("ALTER TABLE jobs DROP COLUMN email", True),
        ("ALTER TABLE jobs DROP CONSTRAINT jobs_ticket_key", True),
        ("DROP INDEX jobs_tickets", True),
        ("ALTER TABLE jobs RENAME COLUMN email TO address", True),
        ("ALTER TABLE jobs ALTER COLUMN email SET NOT NULL", True),
        ("ALTER TABLE jobs ALTER email TYPE integer", True),
    ],
)
def test_what_takes_away_is_recognised(statement: str, *, shrinks: bool) -> None:
    assert bool(SHRINKS.search(statement)) == shrinks
