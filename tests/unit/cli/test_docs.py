"""The documents made from the code are current."""

import pytest

from cli.docs import DOCUMENTS, READERS, ROOT, settings
from cli.environments import example


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_made_from_the_code_is_current(name: str) -> None:
    assert (ROOT / name).read_text("utf-8") == DOCUMENTS[name](), f"{name} is out of date: run ./enlarger docs"


@pytest.mark.parametrize(
    ("name", "default"),
    [
        ("DATABASE_CONNECTIONS", "`8`; ingest `24`"),
        ("SUPPORT_EMAIL", "*required* by notifier"),
        ("DATABASE_URL", "*required*"),
        ("TERMS_URL", ""),
    ],
)
def test_a_default_is_told_for_each_who_has_another(name: str, default: str) -> None:
    [row] = [line for line in settings().splitlines() if line.startswith(f"| `{name}` |")]
    assert row.split("|")[2].strip() == default


def test_the_example_suggests_no_worker_s_own_default_to_all() -> None:
    assert "without it 8, ingest 24; one given here is everybody's\n#DATABASE_CONNECTIONS=\n" in example(READERS)
