"""Results that are small and pretend to be enormous."""

import struct
import zlib
from functools import cache

SIDE = 60_000
MEGABYTE = 1 << 20
GIGABYTE = 1 << 30


@cache
def png() -> bytes:
    """A PNG of 60,000 x 60,000 whose pixels begin: 200 MB of them, deflated."""
    header = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 0)
    chunks = (png_chunk(b"IHDR", header), png_chunk(b"IDAT", zeros(200 * MEGABYTE)), png_chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


@cache
def gzipped() -> bytes:
    """A gigabyte of zeros in gzip: about a megabyte."""
    checksum = 0
    for _ in range(GIGABYTE // MEGABYTE):
        checksum = zlib.crc32(bytes(MEGABYTE), checksum)
    head = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"
    return head + zeros(GIGABYTE)[2:-4] + struct.pack("<II", checksum, GIGABYTE)


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return len(body).to_bytes(4) + kind + body + zlib.crc32(kind + body).to_bytes(4)


def zeros(size: int = GIGABYTE) -> bytes:
    """So many zeros, deflated: about a thousandth of it. The same block again and again, and their true checksum."""
    deflate = zlib.compressobj(9)
    head = deflate.compress(bytes(MEGABYTE)) + deflate.flush(zlib.Z_FULL_FLUSH)
    block = deflate.compress(bytes(MEGABYTE)) + deflate.flush(zlib.Z_FULL_FLUSH)
    checksum = (size % 65_521) << 16 | 1  # Adler-32 of zeros
    return head + block * (size // MEGABYTE - 1) + b"\x03\0" + checksum.to_bytes(4)
