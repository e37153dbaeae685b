"""The pictures themselves: measuring, enlarging, spoiling a result for a fault. libvips stays in here."""

from pathlib import Path

import pyvips

OTHER_PHOTOGRAPH = Path(__file__).with_name("assets") / "other_photograph.jpg"

# Every result is another file: a cache of operations would only hold memory.
pyvips.cache_set_max(0)


class BadPictureError(ValueError):
    """A source picture that cannot be enlarged; the message is for the job's `error`."""


def measure(source: Path) -> tuple[int, int]:
    """Width and height as people see the picture, so after its EXIF orientation."""
    image = _open(source)
    return image.width, image.height


def enlarge(source: Path, factor: int, png: Path, jpeg: Path) -> None:
    """Write source x factor, exactly, as PNG and as a smaller JPEG; alpha and colour profile stay."""
    try:
        _save(_resized(_open(source), factor), png)
        _save(pyvips.Image.new_from_file(str(png), access="sequential"), jpeg)
    except pyvips.Error as error:
        raise BadPictureError(f"the source picture could not be enlarged: {_first_line(error)}") from error


def one_column_short(result: Path, target: Path) -> None:
    """The fault `wrong_size`: the same picture, its last column missing."""
    image = pyvips.Image.new_from_file(str(result), access="sequential")
    _save(image.crop(0, 0, image.width - 1, image.height), target)


def another_picture(result: Path, target: Path) -> None:
    """The fault `wrong_picture`: another photograph in the right size.

    It stands on its head, so that it is another one even for whoever ordered just this photograph.
    """
    size = pyvips.Image.new_from_file(str(result))
    other = pyvips.Image.new_from_file(str(OTHER_PHOTOGRAPH)).rot180()
    _save(other.resize(size.width / other.width, vscale=size.height / other.height, kernel="lanczos3"), target)


def _open(source: Path) -> pyvips.Image:
    try:
        image = pyvips.Image.new_from_file(str(source), fail_on="error")
        return image.autorot()
    except pyvips.Error as error:
        raise BadPictureError(f"the source is no picture that we know: {_first_line(error)}") from error


def _resized(image: pyvips.Image, factor: int) -> pyvips.Image:
    if image.interpretation == "cmyk":  # PNG knows no CMYK
        image = image.icc_transform("srgb")
    if not image.hasalpha():
        return image.resize(factor, kernel="lanczos3")
    band_format = image.format
    return image.premultiply().resize(factor, kernel="lanczos3").unpremultiply().rint().cast(band_format)


def _save(image: pyvips.Image, target: Path) -> None:
    if target.suffix == ".png":
        image.pngsave(str(target), compression=1, keep="icc")
        return
    opaque = image.flatten(background=255) if image.hasalpha() else image
    opaque.jpegsave(str(target), Q=85, keep="icc")


def _first_line(error: pyvips.Error) -> str:
    return str(error.detail or error.message).strip().splitlines()[0]
