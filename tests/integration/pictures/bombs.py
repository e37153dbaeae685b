"""Small files that promise enormous pictures, made here."""

import io
import struct
import zlib

from PIL import Image

from sandbox.upsampler.bombs import SIDE, gzipped, png, png_chunk, zeros

FRAMES = 10_000


def bombs() -> dict[str, bytes]:
    """Each by what it claims."""
    nothing = zlib.compress(b"")
    return {
        "a PNG of 60,000 x 60,000": _png(SIDE, SIDE, nothing),
        "a PNG of 60,000 x 60,000 with pixels": png(),
        "a PNG with a profile of a gigabyte": _png(
            640, 480, zlib.compress(b""), png_chunk(b"iCCP", b"x\0\0" + zeros())
        ),
        "a PNG with a text of a gigabyte": _png(640, 480, zlib.compress(b""), png_chunk(b"zTXt", b"x\0\0" + zeros())),
        "a JPEG of 65,535 x 65,535": _jpeg(65_535),
        "a WebP of 60,000 x 60,000": _webp(SIDE),
        "a WebP of 10,000 frames": _webp_frames(FRAMES),
        "an APNG of 10,000 frames": _apng(FRAMES),
        "a GIF of 60,000 x 60,000": b"GIF89a" + struct.pack("<HH", SIDE, SIDE) + b"\x80\0\0" + bytes(6) + b"\x3b",
        "a GIF of 10,000 frames": _gif_frames(FRAMES),
        "a TIFF of 60,000 x 60,000": _tiff(SIDE),
        "a TIFF of 10,000 frames": _tiff_frames(FRAMES),
        "a TIFF that leads in circles": _circular_tiff(),
        "an AVIF of 60,000 x 60,000": _avif(SIDE),
        "a gigabyte of zeros in gzip": gzipped(),
    }


def _png(width: int, height: int, data: bytes, *more: bytes) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = (png_chunk(b"IHDR", header), *more, png_chunk(b"IDAT", data), png_chunk(b"IEND", b""))
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
    return whole[:33] + png_chunk(b"acTL", struct.pack(">II", count, 0)) + whole[33:]


def _gif_frames(count: int) -> bytes:
    still = io.BytesIO()
    Image.new("L", (16, 16)).save(still, "GIF")
    whole = still.getvalue()
    at = whole.index(b"\x2c")
    return whole[:at] + whole[at:-1] * count + b"\x3b"


def _tiff(side: int) -> bytes:
    entries = {256: side, 257: side, 258: 8, 259: 1, 262: 1, 273: 8, 277: 1, 278: side, 279: 0xFFFF_FFF0}
    body = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in entries.items())
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(entries)) + body + bytes(4)


def _tiff_frames(count: int) -> bytes:
    """Directories in a row, all of the same 16 x 16 pixels; the last leads nowhere."""
    entries = {256: 16, 257: 16, 258: 8, 259: 1, 262: 1, 273: 8, 277: 1, 278: 16, 279: 256}
    body = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in entries.items())
    first, length = 8 + 256, 2 + len(body) + 4
    after = [*(first + number * length for number in range(1, count)), 0]
    directories = (struct.pack("<H", len(entries)) + body + struct.pack("<I", at) for at in after)
    return b"II*\0" + struct.pack("<I", first) + bytes(256) + b"".join(directories)


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
