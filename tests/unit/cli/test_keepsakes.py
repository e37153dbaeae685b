"""What the demo leaves behind."""

import io
from email.message import EmailMessage
from pathlib import Path

from PIL import Image

from cli import keepsakes


def _png(size: tuple[int, int], colour: str) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, "PNG")
    return out.getvalue()


def test_before_stands_left_and_after_right_in_the_result_s_size(tmp_path: Path) -> None:
    path = keepsakes.before_and_after(_png((100, 80), "red"), _png((400, 320), "blue"), tmp_path / "both.png")
    with Image.open(path) as both:
        assert both.size == (400, 320)
        assert both.getpixel((5, 5)) == (255, 0, 0)
        assert both.getpixel((395, 5)) == (0, 0, 255)


def test_a_picture_is_named_for_what_it_is(tmp_path: Path) -> None:
    assert keepsakes.save_picture(tmp_path, _png((1, 1), "red")).name == "enlarged.png"


def test_a_mail_is_kept_as_sent_and_as_seen(tmp_path: Path) -> None:
    mail = EmailMessage()
    mail["Subject"] = "Your 4x picture / is ready"
    mail.set_content("text")
    mail.add_alternative("<p>seen</p>", subtype="html")
    path = keepsakes.save_mail(tmp_path, 1, mail.as_bytes())
    assert path.read_bytes() == mail.as_bytes()
    assert path.name == "1-your-4x-picture-is-ready.eml"
    assert path.with_suffix(".html").read_text() == "<p>seen</p>\n"
