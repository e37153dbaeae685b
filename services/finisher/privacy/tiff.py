"""TIFF 6.0: everything lies by offsets, so what is private is blanked where it lies, and its entries are taken out."""

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass

from services.finisher.privacy.exif import ORIENTATION
from services.finisher.privacy.pieces import File, Piece, UnknownLayoutError, add, filled, number, within

ENTRY = 12
INLINE = 4
SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
KEPT = frozenset(
    {254, 255, 256, 257, 258, 259, 262, 263, 266, 273, ORIENTATION, 277, 278, 279, 280, 281, 282, 283, 284, 290, 291,
     292, 293, 296, 301, 317, 318, 319, 320, 322, 323, 324, 325, 332, 334, 336, 338, 339, 340, 341, 342, 347, 529,
     530, 531, 532, 34675}
)  # fmt: skip  # how pixels are stored and what their colours mean; 34675 is the ICC profile
DIRECTORIES = frozenset({330, 34665, 34853, 40965})  # SubIFDs (thumbnails), EXIF, GPS, interoperability
PIXELS = {273: 279, 324: 325, 513: 514}  # offsets of a thumbnail's pixels, and their lengths
MAX_DIRECTORIES = 64


@dataclass(frozen=True, slots=True)
class Entry:
    """One tag: where it lies, and where its values lie."""

    tag: int
    kind: int
    count: int
    at: range
    values: range


class _Tiff:
    def __init__(self, file: File) -> None:
        self._file = file
        self._little = file[:2] == b"II"
        self._left = MAX_DIRECTORIES
        self.blanks: list[range] = []

    def number(self, at: int, size: int) -> int:
        return number(self._file, at, size, little=self._little)

    def packed(self, value: int, size: int) -> bytes:
        return value.to_bytes(size, "little" if self._little else "big")

    def entries(self, at: int) -> list[Entry]:
        self._left -= 1
        if self._left < 0:
            raise UnknownLayoutError("too many directories")
        return [self._entry(at + 2 + ENTRY * index) for index in range(self.number(at, 2))]

    def numbers(self, entry: Entry) -> list[int]:
        step = SIZES[entry.kind]
        return [self.number(entry.values.start + step * index, step) for index in range(entry.count)]

    def blank(self, entry: Entry) -> None:
        """The values of an entry, and all that they lead to."""
        if entry.tag in DIRECTORIES:
            for at in self.numbers(entry):
                self._blank_directory(at)
        self.blanks.append(entry.values)

    def _blank_directory(self, at: int) -> None:
        entries = self.entries(at)
        known = {entry.tag: entry for entry in entries}
        for offsets, lengths in PIXELS.items():
            if offsets in known and lengths in known:
                pairs = zip(self.numbers(known[offsets]), self.numbers(known[lengths]), strict=False)
                self.blanks += [within(self._file, start, size) for start, size in pairs]
        for entry in entries:
            self.blank(entry)
            self.blanks.append(entry.at)

    def _entry(self, at: int) -> Entry:
        place = within(self._file, at, ENTRY)
        tag, kind, count = self.number(at, 2), self.number(at + 2, 2), self.number(at + 4, 4)
        if kind not in SIZES:
            raise UnknownLayoutError(f"a value of the unknown type {kind}")
        size = SIZES[kind] * count
        start = at + 8 if size <= INLINE else self.number(at + 8, 4)
        return Entry(tag, kind, count, place, within(self._file, start, size))


def pieces(file: File, orientation: int) -> list[Piece]:
    """Keep pixels and colour of the one picture; blank the rest. Raises UnknownLayoutError."""
    tiff = _Tiff(file)
    first = tiff.number(4, 4)
    entries = tiff.entries(first)
    kept = [entry for entry in entries if entry.tag in KEPT]
    for entry in entries:
        if entry.tag not in KEPT:
            tiff.blank(entry)
    had = [entry for entry in kept if entry.tag == ORIENTATION]
    if orientation != 1 and not had:
        raise UnknownLayoutError("there is no room for its orientation")
    directory = tiff.packed(len(kept), 2) + b"".join(file[e.at.start : e.at.stop] for e in kept) + bytes(4)
    place = within(file, first, 2 + ENTRY * len(entries) + INLINE)
    held = _merged([place, *(entry.values for entry in kept), *_pixels(tiff, kept, file)])
    blanks = _merged(blank for blank in tiff.blanks if not _overlaps(blank, held))
    return _replaced(len(file), place, directory.ljust(len(place), b"\0"), blanks)


def _pixels(tiff: _Tiff, kept: list[Entry], file: File) -> list[range]:
    """Where the picture's own pixels lie: never blanked, wherever a hostile directory points."""
    known = {entry.tag: entry for entry in kept}
    found = []
    for offsets, lengths in PIXELS.items():
        if offsets in known and lengths in known:
            pairs = zip(tiff.numbers(known[offsets]), tiff.numbers(known[lengths]), strict=False)
            found += [within(file, start, size) for start, size in pairs]
    return found


def _merged(places: Iterable[range]) -> list[range]:
    """The same bytes, in order, each in one range."""
    result: list[range] = []
    for place in sorted(filter(len, places), key=lambda place: place.start):
        if result and place.start <= result[-1].stop:
            result[-1] = range(result[-1].start, max(result[-1].stop, place.stop))
        else:
            result.append(place)
    return result


def _overlaps(one: range, merged: list[range]) -> bool:
    before = bisect_left(merged, one.stop, key=lambda place: place.start)
    return before > 0 and merged[before - 1].stop > one.start


def _replaced(size: int, place: range, directory: bytes, blanks: list[range]) -> list[Piece]:
    result: list[Piece] = []
    end = 0
    for other in sorted([place, *blanks], key=lambda other: other.start):
        add(result, range(end, other.start))
        result += [directory] if other == place else filled(len(other), b"\0")
        end = other.stop
    add(result, range(end, size))
    return result
