"""One look at an untrusted picture (pyvips): its header first, then one pass over every pixel. Runs in the child only.

libvips loads cut files quietly unless `fail_on` says otherwise, and opening is lazy (traps 39 to 41). Which decoder
may run is decided here from the file's first bytes, by nobody's name or claim; all others are switched off.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyvips

from common.pictures.child import serve, written
from common.pictures.facts import AVIF, JPEG, PNG, SIDEWAYS, TIFF, WEBP, Look, Seen, Unfit

SMALL_SIDE = 512
DecodeError = pyvips.Error
OPENERS = {JPEG: "jpegload", PNG: "pngload", WEBP: "webpload", AVIF: "heifload", TIFF: "tiffload"}
HELD_WHOLE = frozenset({WEBP, AVIF})

pyvips.block_untrusted_set(True)  # noqa: FBT003 - the library's signature
pyvips.operation_block_set("VipsForeignLoad", True)  # noqa: FBT003 - the library's signature
for _family in ("Jpeg", "Png", "Webp", "Heif", "Tiff"):
    pyvips.operation_block_set(f"VipsForeignLoad{_family}", False)  # noqa: FBT003 - the library's signature
pyvips.cache_set_max(0)  # every picture is seen once
pyvips.concurrency_set(2)  # each thread holds strips of its own


def look(task: Look) -> Seen | Unfit:
    """Judge the file. Never raises for what it holds."""
    try:
        opened = open_checked(task)
        if isinstance(opened, Unfit):
            return opened
        image, media_type = opened
        return seen(image, media_type, small_copy(image, task))
    except DecodeError as error:
        return undecodable(error)


def open_checked(task: Look) -> tuple[pyvips.Image, str] | Unfit:
    """Open the file and judge its header; no pixel is decoded yet. Raises DecodeError."""
    media_type = sniff(Path(task.path))
    if media_type not in task.media_types:
        return Unfit("format", f"{media_type or 'this'} is none of {', '.join(task.media_types)}")
    opener = getattr(pyvips.Image, OPENERS[media_type])
    image = opener(task.path, access="sequential", fail_on="warning" if task.strict else "error")
    width, height = image.width, image.height
    megapixels = width * height / 1_000_000
    if megapixels > task.max_megapixels:
        return Unfit("too_large", f"{width} x {height} is more than {task.max_megapixels:g} megapixels")
    if megapixels * held_whole(image, media_type) > task.max_held_megapixels:
        return Unfit("too_large", f"{width} x {height}, stored so that it must be held whole, is more than "
                     f"{task.max_held_megapixels:g} megapixels")  # fmt: skip
    if frames(image) > 1 or (media_type == PNG and animated(Path(task.path))):
        return Unfit("moves", f"{max(frames(image), 2)} frames or more; only still pictures are taken")
    if media_type == AVIF and image.get("heif-compression") != "av1":
        return Unfit("format", "a HEIF file that is no AVIF")
    return image, media_type


def small_copy(image: pyvips.Image, task: Look, turn: int = 1) -> pyvips.Image:
    """The upright copy in sRGB, at most 512 pixels a side, in memory and where the task wants it.

    Made in one pass that decodes everything. `turn`: the EXIF orientation that the file itself should have had.
    """
    small = image.thumbnail_image(SMALL_SIDE, height=SMALL_SIDE, size="down", export_profile="srgb").copy_memory()
    try:  # a shrink by a whole number may leave the last rows unread
        image.crop(0, image.height - 1, image.width, 1).avg()
    except DecodeError as error:
        if "out of order read" not in str(error.detail or error):  # that is: it was read
            raise
    small = small.colourspace("srgb").cast("uchar")
    if turn != 1:
        small = noted(small, turn).autorot()
    if task.small_copy:
        save(small, task.small_copy)
    return small


def save(small: pyvips.Image, path: str) -> None:
    """As JPEG to show it (white where it is transparent), as PNG to compare with it."""
    if path.endswith(".jpg"):
        opaque = small.flatten(background=255) if small.hasalpha() else small
        encoded = opaque.jpegsave_buffer(Q=85, keep="none")
    else:
        encoded = small.pngsave_buffer(compression=6, keep="none")
    with written():
        Path(path).write_bytes(encoded)


def noted(image: pyvips.Image, turn: int) -> pyvips.Image:
    """The same picture with another note of which way up it is, an EXIF orientation."""
    image = image.copy()
    image.set_type(pyvips.GValue.gint_type, "orientation", turn)
    return image


def reference(path: str) -> pyvips.Image:
    """A small copy that we made ourselves, whole in memory. Raises DecodeError."""
    return pyvips.Image.pngload(path, fail_on="warning").copy_memory()


def seen(image: pyvips.Image, media_type: str, small: pyvips.Image) -> Seen:
    """What the header says and the small copy shows."""
    stats = small.stats()
    rows = range(1, small.bands + 1)
    return Seen(
        image.width,
        image.height,
        orientation(image),
        media_type,
        alpha=bool(image.hasalpha()),
        profile="icc-profile-data" in image.get_fields(),
        mean=tuple(round(stats.getpoint(4, y)[0], 3) for y in rows),
        deviation=tuple(round(stats.getpoint(5, y)[0], 3) for y in rows),
    )


def orientation(image: pyvips.Image) -> int:
    """As in EXIF, 1 to 8; what is none of these counts as 1."""
    told = image.get("orientation") if "orientation" in image.get_fields() else 1
    return told if told in {1, 2, 3, 4, *SIDEWAYS} else 1


def undecodable(error: pyvips.Error) -> Unfit:
    detail = str(error.detail or error).strip().splitlines() or ["no detail"]
    return Unfit("undecodable", detail[0][:300])


def frames(image: pyvips.Image) -> int:
    return int(image.get("n-pages")) if "n-pages" in image.get_fields() else 1


def held_whole(image: pyvips.Image, media_type: str) -> float:
    """0 where rows pass by; 1 where the decoder must hold all pixels at once, more where each costs more.

    A progressive JPEG is held as two bytes for each coefficient: without the usual thinning of colours, twice as many.
    """
    if media_type not in HELD_WHOLE and not ("interlaced" in image.get_fields() and image.get("interlaced")):
        return 0.0
    fields = image.get_fields()
    thinned = "jpeg-chroma-subsample" not in fields or image.get("jpeg-chroma-subsample") == "4:2:0"
    return 1.0 if thinned else image.bands / 1.5


def sniff(path: Path) -> str:
    """The format by the file's first bytes; "" for what none of ours begins with."""
    with path.open("rb") as file:
        head = file.read(16)
    for magic, media_type in ((b"\xff\xd8\xff", JPEG), (b"\x89PNG\r\n\x1a\n", PNG), (b"II*\0", TIFF), (b"MM\0*", TIFF)):
        if head.startswith(magic):
            return media_type
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return WEBP
    return AVIF if head[4:8] == b"ftyp" and head[8:12] in {b"avif", b"avis", b"mif1", b"miaf"} else ""


def animated(path: Path) -> bool:
    """Whether this PNG says, before its pixels, that it has frames."""
    with path.open("rb") as file:
        file.seek(8)
        while len(head := file.read(8)) == 8 and head[4:] != b"IDAT":  # noqa: PLR2004 - length and type of a chunk
            if head[4:] == b"acTL":
                return True
            file.seek(int.from_bytes(head[:4]) + 4, 1)
    return False


def _answer(task: Mapping[str, Any]) -> Seen | Unfit:
    return look(Look(**task))


if __name__ == "__main__":
    serve(_answer)
