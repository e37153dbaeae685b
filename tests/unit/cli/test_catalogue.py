"""Every metric keeps to Prometheus' conventions, and is in the table that is made from the code."""

import re

import pytest

from cli import catalogue
from cli.catalogue import Entry

ENTRIES = catalogue.entries()
PERSONAL = {"job_id", "job", "email", "ticket", "token", "url", "path"}


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_a_metric_keeps_to_the_conventions(entry: Entry) -> None:
    assert re.fullmatch(r"enlarger_[a-z]+(_[a-z]+)*", entry.name)
    assert entry.name.endswith("_total") == (entry.kind == "counter")
    assert entry.kind != "histogram" or entry.name.endswith(("_seconds", "_ratio"))
    assert not re.search(r"_(ms|minutes|hours|kb|mb|milliseconds)(_|$)", entry.name)
    assert entry.documentation.endswith(".")


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_no_label_tells_jobs_or_people_apart(entry: Entry) -> None:
    assert not PERSONAL & set(entry.labels)


def test_the_table_has_every_metric_once() -> None:
    page = catalogue.page()
    assert all(page.count(f"| `{entry.name}` |") == 1 for entry in ENTRIES)
    assert len(ENTRIES) > 40
