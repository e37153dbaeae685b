"""What the demo leaves behind: the picture, a before/after image, and the mails."""

import io
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

_MARGIN, _BAND, _RULE = 18, 12, 3
_WHITE, _SHADE = (255, 255, 255), (20, 20, 20)


def save_picture(folder: Path, content: bytes) -> Path:
    """The customer's file under the name of its true format."""
    with Image.open(io.BytesIO(content)) as image:
        kind = (image.format or "bin").lower()
    path = folder / f"enlarged.{'jpg' if kind == 'jpeg' else kind}"
    path.write_bytes(content)
    return path


def size_of(content: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(content)) as image:
        return image.size


def before_and_after(source: bytes, result: bytes, path: Path) -> Path:
    """Left half: the source, its pixels repeated. Right half: the enlargement."""
    with Image.open(io.BytesIO(result)) as image:
        after = image.convert("RGB")
    with Image.open(io.BytesIO(source)) as image:
        before = image.convert("RGB").resize(after.size, Image.Resampling.NEAREST)
    middle = after.width // 2
    after.paste(before.crop((0, 0, middle, after.height)), (0, 0))
    draw = ImageDraw.Draw(after)
    draw.rectangle((middle - _RULE, 0, middle + _RULE - 1, after.height), fill=_WHITE)
    _label(draw, "before", (_MARGIN, after.height - _MARGIN), "ls")
    _label(draw, "after", (after.width - _MARGIN, after.height - _MARGIN), "rs")
    after.save(path, quality=88)
    return path


def save_mail(folder: Path, number: int, raw: bytes) -> Path:
    """The mail as it was sent (.eml), and beside it the part that people see (.html)."""
    message = message_from_bytes(raw, policy=default)
    stem = folder / f"{number}-{_file_name(str(message['subject']))}"
    stem.with_suffix(".eml").write_bytes(raw)
    body = message.get_body(("html",)) if isinstance(message, EmailMessage) else None
    if body is not None:
        stem.with_suffix(".html").write_text(body.get_content())
    return stem.with_suffix(".eml")


def _file_name(subject: str) -> str:
    words = "".join(letter.lower() if letter.isalnum() else " " for letter in subject).split()
    return "-".join(words)[:60] or "mail"


def _label(draw: ImageDraw.ImageDraw, text: str, at: tuple[int, int], anchor: str) -> None:
    font = ImageFont.load_default(size=34)
    left, top, right, bottom = draw.textbbox(at, text, font=font, anchor=anchor)
    box = (left - _BAND, top - _BAND, right + _BAND, bottom + _BAND)
    draw.rounded_rectangle(box, radius=8, fill=_SHADE)
    draw.text(at, text, font=font, anchor=anchor, fill=_WHITE)
