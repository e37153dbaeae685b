"""Whoever made the file does not decide what it costs to walk through it: neither in steps nor in pieces."""

import io
import random
import struct
from collections.abc import Callable, Sequence

import pytest
from PIL import Image

from services.finisher.privacy import avif, jpeg, png, tiff, webp
from services.finisher.privacy.pieces import CHUNK, File, Piece, UnknownLayoutError

MILLION = 1_000_000
FEW = 20
Entry = tuple[int, int, int, int]  # tag, type, count, value or offset


def _file(content: bytes) -> File:
    file = File(-1, len(content))
    file.write(content)
    return file


def _written(content: bytes, pieces: Sequence[Piece]) -> bytes:
    return b"".join(piece if isinstance(piece, bytes) else content[piece.start : piece.stop] for piece in pieces)


def _picture(kind: str) -> bytes:
    buffer = io.BytesIO()
    Image.frombytes("L", (64, 48), random.Random(7).randbytes(64 * 48)).save(buffer, kind)  # noqa: S311 - a picture
    return buffer.getvalue()


def _pixels(content: bytes) -> bytes:
    with Image.open(io.BytesIO(content)) as image:
        return image.tobytes()


def _jpeg(between: bytes) -> bytes:
    whole = _picture("JPEG")
    return whole[:2] + between + whole[2:]


def _png(chunks: int) -> bytes:
    whole = _picture("PNG")
    empty = bytes(4) + b"IDAT" + struct.pack(">I", 0x35AF061E)
    end = len(whole) - 12
    return whole[:end] + empty * chunks + whole[end:]


def _tiff(entries: Sequence[Entry], behind: bytes) -> bytes:
    """A TIFF with this one directory, and `behind` it what its entries point to: at byte 1000 and after."""
    directory = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *e) for e in entries) + bytes(4)
    return (b"II*\0" + struct.pack("<I", 8) + directory).ljust(1000, b"\0") + behind


def _avif(iloc: bytes) -> bytes:
    def box(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body) + 8) + kind + body

    private = box(b"infe", bytes((2, 0, 0, 0)) + struct.pack(">HH", 1, 0) + b"Exif\0")
    iinf = box(b"iinf", bytes(4) + struct.pack(">H", 1) + private)
    return box(b"meta", bytes(4) + iinf + box(b"iloc", bytes(4) + iloc))


@pytest.mark.parametrize("marker", [b"\xff\xd0", b"\xff\x01"])
def test_markers_that_say_nothing_are_left_out(marker: bytes) -> None:
    content = _jpeg(marker * 50_000)
    pieces = jpeg.pieces(_file(content), 1)

    assert len(pieces) < FEW
    assert _written(content, pieces) == _picture("JPEG")


def test_tables_that_follow_each_other_are_one_piece() -> None:
    content = _jpeg(b"\xff\xdd\x00\x04\x00\x00" * 50_000)
    pieces = jpeg.pieces(_file(content), 1)

    assert len(pieces) < FEW
    assert _written(content, pieces) == content


def test_filling_before_a_marker_is_one_step() -> None:
    content = _jpeg(b"\xff" * MILLION)
    file = _file(content)
    before = file.left
    pieces = jpeg.pieces(file, 1)

    assert before - file.left < 100
    assert len(pieces) < FEW
    assert _pixels(_written(content, pieces)) == _pixels(_picture("JPEG"))


def test_filling_within_a_scan_is_walked_once() -> None:
    whole = _picture("JPEG")
    content = whole[:-2] + b"\xff" * MILLION + b"\x00" + whole[-2:]  # walked anew from each byte it would take an hour

    assert _written(content, jpeg.pieces(_file(content), 1)) == content


def test_chunks_that_follow_each_other_are_one_piece() -> None:
    content = _png(100_000)
    pieces = png.pieces(_file(content), 1)

    assert len(pieces) == 1
    assert _written(content, pieces) == content


def test_what_is_blanked_many_times_is_written_once() -> None:
    hidden = [(37500, 7, 4 * MILLION, 1000)] * 60
    content = _tiff([(256, 3, 1, 64), *hidden], bytes(range(256)) * 20_000)
    pieces = tiff.pieces(_file(content), 1)

    assert len(pieces) < FEW
    assert max(len(piece) for piece in pieces if isinstance(piece, bytes)) <= CHUNK
    assert len(_written(content, pieces)) == len(content)
    assert _written(content, pieces)[1000 : 1000 + 4 * MILLION] == bytes(4 * MILLION)


def test_blanks_beside_many_strips_are_still_told_apart() -> None:
    count = 40_000
    offsets = struct.pack(f"<{count}I", *(1000 + 8 * count + 4 * index for index in range(count)))
    lengths = struct.pack("<I", 2) * count
    strips = [(273, 4, count, 1000), (279, 4, count, 1000 + 4 * count)]
    seams = [(37500 + index, 7, 2, 0) for index in range(60)]
    behind = offsets + lengths + b"px??" * count
    content = _tiff([*strips, *[(tag, kind, 5, 1000 + 8 * count - 2) for tag, kind, _, _ in seams]], behind)
    blanked = _tiff([*strips, (37500, 7, 8, 1000 + len(behind))], behind + b"SERIAL-1")

    assert _written(content, tiff.pieces(_file(content), 1))[1000:] == behind, "pixels are never blanked"
    assert _written(blanked, tiff.pieces(_file(blanked), 1))[1000:] == behind + bytes(8)


ENDLESS: dict[str, tuple[bytes, Callable[[File], Sequence[Piece]]]] = {
    "JPEG, restarts": (_jpeg(b"\xff\xd0" * MILLION), lambda file: jpeg.pieces(file, 1)),
    "JPEG, comments": (_jpeg(b"\xff\xfe\x00\x02" * MILLION), lambda file: jpeg.pieces(file, 1)),
    "PNG, chunks": (_png(MILLION), lambda file: png.pieces(file, 1)),
    "TIFF, strips": (
        _tiff([(273, 1, MILLION, 1000), (279, 1, MILLION, 1000)], bytes(MILLION)),
        lambda file: tiff.pieces(file, 1),
    ),
    "TIFF, directories": (_tiff([(330, 1, MILLION, 1000)], bytes(MILLION)), lambda file: tiff.pieces(file, 1)),
    "WebP, chunks": (
        b"RIFF" + struct.pack("<I", 4 + 8 * MILLION) + b"WEBP" + (b"none" + bytes(4)) * MILLION,
        lambda file: webp.pieces(file, 1, (64, 48), alpha=False),
    ),
    "AVIF, extents without bytes": (
        _avif(bytes(2) + struct.pack(">H", 100) + struct.pack(">HHH", 2, 0, 65535) * 100),
        avif.pieces,
    ),
}


@pytest.mark.parametrize(("content", "walk"), ENDLESS.values(), ids=ENDLESS)
def test_more_parts_than_any_picture_has_are_not_walked(
    content: bytes, walk: Callable[[File], Sequence[Piece]]
) -> None:
    file = _file(content)
    with pytest.raises(UnknownLayoutError, match="too many parts"):
        walk(file)
