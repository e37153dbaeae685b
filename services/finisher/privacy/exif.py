"""The only EXIF that leaves this house: one tag, which way up the picture is."""

ORIENTATION = 0x0112
_SHORT = 3


def exif(orientation: int) -> bytes:
    """A TIFF structure whose one directory has one entry, the orientation (1 to 8)."""
    entry = ORIENTATION.to_bytes(2) + _SHORT.to_bytes(2) + (1).to_bytes(4) + orientation.to_bytes(2) + bytes(2)
    return b"MM\0*" + (8).to_bytes(4) + (1).to_bytes(2) + entry + bytes(4)
