"""`./enlarger mails`: every kind of mail in every language, to be looked at."""

from email.message import EmailMessage
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from common.language import LANGUAGES
from local.browser import find_chromium, picture_of
from services.notifier.letters import Letter, Letters
from services.notifier.samples import samples

WINDOW = (680, 900)
LETTERS = Letters("orders@shop.example", "The Photo Shop", "help@shop.example", "https://shop.example/terms")


def mails(to: Annotated[Path, typer.Option(help="The folder that they are written to.")]) -> None:
    """Render every kind of mail in every language: HTML, plain text, the whole mail and, with Chromium, PNG."""
    console = Console(highlight=False)
    to.mkdir(parents=True, exist_ok=True)
    browser = find_chromium()
    for language in LANGUAGES:
        for kind, values in samples(language).items():
            letter = Letter(kind, "anna@customer.example", f"<{kind}.sample@shop.example>", language, values)
            stem = (to / f"{kind}.{language}").absolute()
            page = write(LETTERS.render(letter), stem)
            if browser:
                picture_of(browser, page, page.with_suffix(".png"), WINDOW)
            console.print(f"{stem.name}: {', '.join(sorted(p.suffix[1:] for p in to.glob(f'{stem.name}.*')))}")
    if not browser:
        console.print("Without Chromium there are no pictures: install the package chromium.")


def write(message: EmailMessage, stem: Path) -> Path:
    """The mail as it is sent (.eml), what people see of it (.html), and its plain text (.txt); returns the page."""
    stem.with_name(f"{stem.name}.eml").write_bytes(message.as_bytes())
    for kind, suffix in (("plain", "txt"), ("html", "html")):
        body = message.get_body((kind,))
        if body is not None:
            head = f"Subject: {message['subject']}\n\n" if kind == "plain" else ""
            stem.with_name(f"{stem.name}.{suffix}").write_text(head + body.get_content(), "utf-8")
    return stem.with_name(f"{stem.name}.html")
