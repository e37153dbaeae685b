"""Templates of pages and mails: jinja2 with autoescape, gettext, and the formats of the reader's language."""

from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Undefined, UndefinedError, select_autoescape

from common import wording
from common.language import catalogue


@cache
def templates(folder: Path, language: str) -> Environment:
    """The templates of a folder in one language. A value that a template asks for and is not given is an error."""
    environment = Environment(
        loader=FileSystemLoader(folder),
        autoescape=select_autoescape(),
        undefined=StrictUndefined,
        trim_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    environment.policies["ext.i18n.trimmed"] = True
    environment.install_gettext_translations(catalogue(language), newstyle=True)  # type: ignore[attr-defined] # i18n's
    formats = (wording.money, wording.number, wording.megabytes, wording.instant)
    environment.filters |= {form.__name__: _strict(partial(form, language=language)) for form in formats}
    environment.globals["language"] = language
    return environment


def _strict(form: Callable[..., str]) -> Callable[..., str]:
    """A format of a value that is missing is an error too."""

    def formatted(value: Any, *more: Any) -> str:
        if any(isinstance(part, Undefined) for part in (value, *more)):
            raise UndefinedError("a value to be formatted is missing")
        return form(value, *more)

    return formatted
