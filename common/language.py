"""The languages of pages and mails: gettext catalogues, and which language a reader wants.

The catalogues are .po files beside this module, compiled in memory when a language is first asked for: there is no
compiled copy that could be older than its source. English is the language of the code and needs none.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from gettext import NullTranslations
from io import BytesIO
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations

LANGUAGES = ("en", "de")
CATALOGUES = Path(__file__).parent / "locale"
MOST = 200  # characters of an Accept-Language that are looked at


@dataclass(frozen=True, slots=True)
class Told:
    """A marked text and what fills its holes (`%(name)s`), in no language yet."""

    text: str
    values: Mapping[str, object] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.text % self.values


def mark(text: str) -> str:
    """Name a text of the code for the catalogues; it is translated where it is shown."""
    return text


def negotiate(accepted: str | None, otherwise: str = "en") -> str:
    """The best of our languages for an `Accept-Language` header (RFC 9110, section 12.5.4)."""
    wanted = [_weighed(part) for part in (accepted or "")[:MOST].split(",")]
    ours = [(weight, tag) for weight, tag in wanted if tag in LANGUAGES and weight > 0]
    return max(ours, key=lambda pair: pair[0])[1] if ours else known(otherwise)


def known(language: str | None) -> str:
    """A language that there are texts in: this one, or English."""
    return language if language in LANGUAGES else LANGUAGES[0]


@cache
def catalogue(language: str) -> NullTranslations:
    """The texts of a language."""
    path = CATALOGUES / f"{language}.po"
    if not path.exists():
        return NullTranslations()
    compiled = BytesIO()
    with path.open("rb") as file:
        write_mo(compiled, read_po(file, locale=language))
    compiled.seek(0)
    return Translations(compiled, domain="enlarger")


def translate(text: str | Told, language: str) -> str:
    """A marked text in this language; itself where the catalogue has none."""
    if isinstance(text, Told):
        return translate(text.text, language) % text.values
    return catalogue(language).gettext(text) if text else text


def _weighed(part: str) -> tuple[float, str]:
    tag, _, parameters = part.strip().partition(";")
    name, _, value = parameters.strip().partition("=")
    try:
        weight = float(value) if name.strip() == "q" else 1.0
    except ValueError:
        weight = 0.0
    return weight, tag.strip().lower().partition("-")[0]
