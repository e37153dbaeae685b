"""What is asked about a picture, and what is answered: plain values, cheap to import, for both sides of the wall."""

from dataclasses import dataclass

JPEG, PNG, WEBP, AVIF, TIFF = "image/jpeg", "image/png", "image/webp", "image/avif", "image/tiff"
SIDEWAYS = frozenset({5, 6, 7, 8})  # EXIF orientations of pictures whose width and height are shown swapped


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one look may cost: `memory_mb` of address space, `cpu_s`, and `wall_s` on anybody's clock."""

    memory_mb: int
    cpu_s: int
    wall_s: float


@dataclass(frozen=True, slots=True)
class Look:
    """Look at the file `path`.

    `max_megapixels` bounds what is decoded at all, `max_held_megapixels` what a decoder must hold as a whole
    (progressive JPEG, interlaced PNG, WebP, AVIF). `strict`: also refuse what decoders only warn of. `small_copy`:
    where to write a copy of at most 512 pixels, upright and in sRGB: a JPEG to show, or a PNG to compare with.
    """

    path: str
    media_types: tuple[str, ...]
    max_megapixels: float
    max_held_megapixels: float
    strict: bool = False
    small_copy: str | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """A whole picture, every pixel of which was decoded.

    `width`, `height` as stored; `orientation` as in EXIF (1 to 8). `mean`, `deviation`: of each band of the small copy.
    """

    width: int
    height: int
    orientation: int
    media_type: str
    alpha: bool
    profile: bool
    mean: tuple[float, ...]
    deviation: tuple[float, ...]

    @property
    def upright(self) -> tuple[int, int]:
        """Width and height as people see them."""
        return (self.height, self.width) if self.orientation in SIDEWAYS else (self.width, self.height)


@dataclass(frozen=True, slots=True)
class Unfit:
    """A verdict: its kind (bounded, a metric's label), what was measured, for people; its score where it has one."""

    kind: str
    measured: str
    score: float | None = None
