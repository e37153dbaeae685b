"""Languages: what a browser asks for, and catalogues that are whole."""

import re
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from common.language import CATALOGUES, LANGUAGES, negotiate, translate

ROOT = Path(__file__).resolve().parents[3]
METHODS = [("**/*.py", "python"), ("**/templates/*", "jinja2.ext:babel_extract")]
HOLES = re.compile(r"%\(\w+\)s|\n")


def _texts() -> set[str]:
    """Every text that code and templates mark for the catalogues."""
    keywords: dict[str, None] = {"mark": None, "_": None, "gettext": None}
    options = {"**/templates/*": {"trimmed": "true"}}
    return {
        str(found[2])
        for folder in ("common", "services")
        for found in extract_from_dir(ROOT / folder, METHODS, options, keywords)
    }


def _catalogue(language: str) -> Catalog:
    with (CATALOGUES / f"{language}.po").open("rb") as file:
        return read_po(file, locale=language, abort_invalid=True)


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        (None, "en"),
        ("", "en"),
        ("de", "de"),
        ("de-AT,de;q=0.9,en;q=0.8", "de"),
        ("fr,de;q=0.3,en;q=0.7", "en"),
        ("fr-CH, fr;q=0.9, *;q=0.5", "en"),
        ("de;q=0, en", "en"),
        ("DE", "de"),
        ("de;q=viel", "en"),
        (";;;,,,=q", "en"),
        ("x" * 5000 + ",de", "en"),
    ],
)
def test_a_browser_gets_its_best_language(accepted: str | None, language: str) -> None:
    assert negotiate(accepted) == language


def test_without_a_wish_the_order_decides() -> None:
    assert negotiate(None, "de") == "de"
    assert negotiate("fr", "de") == "de"
    assert negotiate("en", "de") == "en"
    assert negotiate(None, "klingon") == "en"


@pytest.mark.parametrize("language", [language for language in LANGUAGES if language != "en"])
def test_every_text_is_translated_and_none_is_left_over(language: str) -> None:
    catalogue = _catalogue(language)
    translated = {str(message.id) for message in catalogue if message.id and message.string and not message.fuzzy}
    assert sorted(_texts() - translated) == [], "not translated"
    assert sorted(translated - _texts()) == [], "said nowhere any more"


@pytest.mark.parametrize("language", [language for language in LANGUAGES if language != "en"])
def test_a_translation_keeps_the_holes_of_its_text(language: str) -> None:
    for message in _catalogue(language):
        assert sorted(HOLES.findall(str(message.id))) == sorted(HOLES.findall(str(message.string))) or not message.id


def test_a_text_without_translation_stands_for_itself() -> None:
    assert translate("Nobody marked this.", "de") == "Nobody marked this."
