"""The documents made from the code are current."""

import pytest

from cli.docs import DOCUMENTS, ROOT


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_made_from_the_code_is_current(name: str) -> None:
    assert (ROOT / name).read_text("utf-8") == DOCUMENTS[name](), f"{name} is out of date: run ./enlarger docs"
