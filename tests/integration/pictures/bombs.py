"""Small files that promise enormous pictures, made here."""

import io
import struct
import zlib

from PIL import Image

SIDE = 60_000


def bombs() -> dict[str, bytes]:
    """Each by what it claims."""
    return {
        "a PNG of 60,000 x 60,000": _png(SIDE, SIDE, zlib.compress(b"")),
        "a PNG of 60,000 x 60,000 with pixels": _png(SIDE, SIDE, zeros(200 << 20)),
        "a PNG with a profile of a gigabyte": _png(640, 480, zlib.compress(b""), _chunk(b"iCCP", b"x\0\0" + zeros())),
        "a PNG with a text of a gigabyte": _png(640, 480, zlib.compress(b""), _chunk(b"zTXt", b"x\0\0" + zeros())),
        "a JPEG of 65,535 x 65,535": _jpeg(65_535),
        "a WebP of 60,000 x 60,000": _webp(SIDE),
        "a WebP of 10,000 frames": _webp_frames(10_000),
        "an APNG of 10,000 frames": _apng(10_000),
        "a GIF of 60,000 x 60,000": b"GIF89a" + struct.pack("<HH", SIDE, SIDE) + b"\x80\0\0" + bytes(6) + b"\x3b",
        "a TIFF of 60,000 x 60,000": _tiff(SIDE),
        "a TIFF that leads in circles": _circular_tiff(),
        "an AVIF of 60,000 x 60,000": _avif(SIDE),
    }


def zeros(size: int = 1 << 30) -> bytes:
    """So many zeros, deflated: about a thousandth of it. The same block again and again, and their true checksum."""
    deflate = zlib.compressobj(9)
    head = deflate.compress(bytes(1 << 20)) + deflate.flush(zlib.Z_FULL_FLUSH)
    block = deflate.compress(bytes(1 << 20)) + deflate.flush(zlib.Z_FULL_FLUSH)
    checksum = (size % 65_521) << 16 | 1  # Adler-32 of zeros
    return head + block * ((size >> 20) - 1) + b"\x03\0" + checksum.to_bytes(4)


def _chunk(kind: bytes, body: bytes) -> bytes:
    return len(body).to_bytes(4) + kind + body + zlib.crc32(kind + body).to_bytes(4)


def _png(width: int, height: int, data: bytes, *more: bytes) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = (_chunk(b"IHDR", header), *more, _chunk(b"IDAT", data), _chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def _jpeg(side: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64)).save(buffer, "JPEG")
    whole = buffer.getvalue()
    at = whole.index(b"\xff\xc0") + 5
    return whole[:at] + struct.pack(">HH", side, side) + whole[at + 4 :]


def _riff(body: bytes) -> bytes:
    return b"RIFF" + (len(body) + 4).to_bytes(4, "little") + b"WEBP" + body


def _webp_chunk(kind: bytes, body: bytes) -> bytes:
    return kind + len(body).to_bytes(4, "little") + body + bytes(len(body) % 2)


def _still() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (16, 16)).save(buffer, "WEBP", lossless=True)
    return buffer.getvalue()[12:]


def _webp(side: int) -> bytes:
    canvas = (side - 1).to_bytes(3, "little") * 2
    return _riff(_webp_chunk(b"VP8X", b"\0\0\0\0" + canvas) + _still())


def _webp_frames(count: int) -> bytes:
    canvas = (15).to_bytes(3, "little") * 2
    frame = _webp_chunk(b"ANMF", bytes(6) + canvas + (1).to_bytes(3, "little") + b"\0" + _still())
    head = _webp_chunk(b"VP8X", b"\x02\0\0\0" + canvas) + _webp_chunk(b"ANIM", bytes(6))
    return _riff(head + frame * count)


def _apng(count: int) -> bytes:
    still = io.BytesIO()
    Image.new("RGB", (16, 16)).save(still, "PNG")
    whole = still.getvalue()
    return whole[:33] + _chunk(b"acTL", struct.pack(">II", count, 0)) + whole[33:]


def _tiff(side: int) -> bytes:
    entries = {256: side, 257: side, 258: 8, 259: 1, 262: 1, 273: 8, 277: 1, 278: side, 279: 0xFFFF_FFF0}
    body = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in entries.items())
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(entries)) + body + bytes(4)


def _circular_tiff() -> bytes:
    entries = {256: 640, 257: 480, 258: 8, 259: 1, 262: 1, 273: 8, 277: 1, 278: 480, 279: 307_200, 330: 8}
    body = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in entries.items())
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(entries)) + body + struct.pack("<I", 8)


def _avif(side: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64)).save(buffer, "AVIF")
    whole = buffer.getvalue()
    at = whole.index(b"ispe") + 8
    return whole[:at] + struct.pack(">II", side, side) + whole[at + 8 :]
