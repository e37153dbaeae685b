"""Reads Qt's binary resource files (.rcc), in which a Debian package keeps free photographs.

The layout is that of Qt's own `rcc` tool: a tree of nodes, names in UTF-16 and data blocks with their length in front.
"""

import struct
from collections.abc import Iterator
from pathlib import Path

_HEAD = struct.Struct(">4sIIII")
_COMPRESSED, _FOLDER, _ZSTD = 1, 2, 4


def files(resource: Path) -> Iterator[tuple[str, bytes]]:
    """The path and content of every file in it that is stored as it is. Raises ValueError for another format."""
    data = resource.read_bytes()
    magic, version, tree, contents, names = _HEAD.unpack_from(data)
    if magic != b"qres":
        raise ValueError(f"{resource} is no Qt resource file")
    size = 22 if version >= 2 else 14  # noqa: PLR2004 - version 2 added a time to each node

    def walk(node: int, folder: str) -> Iterator[tuple[str, bytes]]:
        name_at, flags, first, second = struct.unpack_from(">IHII", data, tree + node * size)
        name = _name(data, names + name_at) if node else ""
        path = f"{folder}/{name}" if folder else name
        if flags & _FOLDER:
            for child in range(second, second + first):
                yield from walk(child, path)
        elif not flags & (_COMPRESSED | _ZSTD):
            start = contents + second
            (length,) = struct.unpack_from(">I", data, start)
            yield path, data[start + 4 : start + 4 + length]

    yield from walk(0, "")


def _name(data: bytes, at: int) -> str:
    (length,) = struct.unpack_from(">H", data, at)
    return data[at + 6 : at + 6 + 2 * length].decode("utf-16-be")
