"""AVIF (ISO 23008-12): metadata are items of their own, whose bytes are blanked where they lie.

Which way up the picture is stands in its properties, not in EXIF, and stays.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from services.finisher.privacy.exif import exif
from services.finisher.privacy.pieces import File, Piece, UnknownLayoutError, add, filled, number, within

TOLD = frozenset({b"iinf", b"iloc", b"idat"})  # which items there are, where they lie, and some of their bytes
PRIVATE = frozenset({b"Exif", b"mime", b"uri "})
NO_EXIF = bytes(4) + exif(1)  # readers refuse an item of EXIF that is none
BY_FILE, BY_IDAT = 0, 1
Blank = tuple[range, bytes]  # the bytes of an item, and its type


@dataclass(frozen=True, slots=True)
class Box:
    """A box's type and the bytes of its body."""

    kind: bytes
    body: range


def pieces(file: File) -> list[Piece]:
    """Blank EXIF, XMP and the like; keep everything else."""
    meta = next((box for box in _boxes(file, range(len(file))) if box.kind == b"meta"), None)
    if meta is None:
        raise UnknownLayoutError("it has no box of metadata")
    boxes = _boxes(file, range(meta.body.start + 4, meta.body.stop))
    inner = {box.kind: box for box in boxes if box.kind in TOLD}
    private = _private_items(file, inner[b"iinf"].body) if b"iinf" in inner else {}
    if not private:
        return [range(len(file))]
    if b"iloc" not in inner:
        raise UnknownLayoutError("it does not say where its items lie")
    idat = inner[b"idat"].body.start if b"idat" in inner else 0
    blanks = sorted(_extents(file, inner[b"iloc"].body, private, idat), key=lambda blank: blank[0].start)
    return _blanked(len(file), blanks)


def _boxes(file: File, within_: range) -> Iterator[Box]:
    at = within_.start
    while at + 8 <= within_.stop:
        size, head = number(file, at, 4), 8
        if size == 1:
            size, head = number(file, at + 8, 8), 16
        elif size == 0:
            size = within_.stop - at
        if size < head:
            raise UnknownLayoutError(f"a box of {size} bytes at {at}")
        whole = within(file, at, size)
        yield Box(file[at + 4 : at + 8], range(at + head, whole.stop))
        at = whole.stop


def _private_items(file: File, iinf: range) -> dict[int, bytes]:
    wide = number(file, iinf.start, 1) > 0
    found = {}
    for box in _boxes(file, range(iinf.start + (8 if wide else 6), iinf.stop)):
        version, at = number(file, box.body.start, 1), box.body.start + 4
        if box.kind != b"infe" or version < 2:  # noqa: PLR2004 - older entries have no type
            raise UnknownLayoutError("an item without a type")
        size = 2 if version == 2 else 4  # noqa: PLR2004 - the box's version
        if file[at + size + 2 : at + size + 6] in PRIVATE:
            found[number(file, at, size)] = file[at + size + 2 : at + size + 6]
    return found


def _extents(file: File, iloc: range, wanted: Mapping[int, bytes], idat: int) -> Iterator[Blank]:
    """The bytes of these items, after the box `iloc`."""
    version, at = number(file, iloc.start, 1), iloc.start + 4
    offset_size, length_size = divmod(number(file, at, 1), 16)
    base_size, index_size = divmod(number(file, at + 1, 1), 16)
    id_size = 4 if version == 2 else 2  # noqa: PLR2004 - the box's version
    count = number(file, at + 2, id_size)
    at += 2 + id_size
    for _ in range(count):
        item = number(file, at, id_size)
        at += id_size
        method = BY_FILE
        if version:
            method = number(file, at, 2) & 0xF
            at += 2
        base = number(file, at + 2, base_size) if base_size else 0
        extents = number(file, at + 2 + base_size, 2)
        at += 4 + base_size
        for _ in range(extents):
            file.step()  # an extent may take no bytes of the file at all
            at += index_size if version else 0
            start = base + (number(file, at, offset_size) if offset_size else 0)
            size = number(file, at + offset_size, length_size) if length_size else 0
            at += offset_size + length_size
            if item in wanted:
                yield _placed(file, method, start, size, idat), wanted[item]


def _placed(file: File, method: int, start: int, size: int, idat: int) -> range:
    if method not in {BY_FILE, BY_IDAT}:
        raise UnknownLayoutError("an item is made of others")
    return within(file, start + (idat if method == BY_IDAT else 0), size)


def _blanked(size: int, blanks: list[Blank]) -> list[Piece]:
    result: list[Piece] = []
    end = 0
    for blank, kind in blanks:
        start = max(blank.start, end)
        if blank.stop > start:
            length = blank.stop - start
            head = NO_EXIF if kind == b"Exif" and start == blank.start and length >= len(NO_EXIF) else b""
            add(result, range(end, start))
            add(result, head)
            result += filled(length - len(head), b"\0" if kind == b"Exif" else b" ")
            end = blank.stop
    add(result, range(end, size))
    return result
