"""One result, from its link to the store: fetched, looked at, stripped of what is private, stored with a preview."""

import math
import tempfile
import time
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import structlog

from common import crash
from common.admin.handing import HANDED_IN
from common.outbound import Fetched, Guard, Limits, Refused, Unreached
from common.pictures.examiner import Examiner, ExaminerError, KilledError
from common.pictures.facts import AVIF, JPEG, PNG, TIFF, WEBP, Look, Unfit
from common.provider import NULL_URL
from common.sources import Source
from common.storage import MissingFileError, Storage, StorageError
from services.finisher import handed
from services.finisher.deliveries import FetchClaim, StoredFile, preview_key
from services.finisher.inspected import Inspect, Inspected
from services.finisher.metrics import CHECKS_FAILED, DOWNLOADED, FINISH_SECONDS, SCORES
from services.finisher.privacy.pieces import UnknownLayoutError
from services.finisher.privacy.strip import strip
from services.finisher.settings import DeliverSettings

log = structlog.get_logger()
ALLOWED = (JPEG, PNG, WEBP, AVIF, TIFF)


class Fetch(NamedTuple):
    """One claimed fetch: from where, the size in pixels that was sold, and what was seen of the source.

    `start_before`: monotonic seconds after which the claim is no longer ours to use.
    """

    claim: FetchClaim
    url: str
    size: tuple[int, int]
    factor: int
    source: Source | None = None
    start_before: float = math.inf


@dataclass(frozen=True, slots=True)
class Gone:
    """The result can never be had from this link."""

    why: str


@dataclass(frozen=True, slots=True)
class Barred:
    """Our settings (RESULT_HOSTS, OUTBOUND_ALLOW) do not let us fetch it: no fault of the result's."""

    why: str


@dataclass(frozen=True, slots=True)
class Failed:
    """It did not work this time. `killed`: the process that decoded it was."""

    why: str
    killed: bool = False


@dataclass(frozen=True, slots=True)
class TooLate:
    """Nothing was fetched."""

    why: str = "its turn came when its claim was about to run out"


FetchAnswer = StoredFile | Unfit | Gone | Barred | Failed | TooLate


class Results:
    """Fetches for one lane; used by several threads at once."""

    def __init__(self, settings: DeliverSettings, storage: Storage) -> None:
        self._storage = storage
        self._guard = Guard(settings.result_host_list, settings.outbound_allow.split(","))
        self._examiner = Examiner("services.finisher.inspection", Inspected, settings.bounds)
        self._limits = Limits(settings.max_result_bytes, settings.fetch_deadline_s)
        self._megapixels = settings.max_result_megapixels, settings.max_held_megapixels

    def fetch(self, about: Fetch) -> FetchAnswer:
        """Never raises for what the network, the store or the file do."""
        if time.monotonic() > about.start_before:
            return TooLate()
        if about.url == NULL_URL:
            return self._store_nothing(about)
        try:
            with FINISH_SECONDS.time(), tempfile.TemporaryDirectory(prefix="enlarger-") as folder:
                answer = self._fetch(about, Path(folder))
        except (StorageError, ExaminerError, OSError) as error:  # OSError: no room for the temporary file
            return Failed(str(error), isinstance(error, KilledError))
        if isinstance(answer, Unfit):
            CHECKS_FAILED.labels(answer.kind).inc()
        return answer

    def _fetch(self, about: Fetch, folder: Path) -> FetchAnswer:
        crash.point("before_fetch")
        path = folder / "result"
        with path.open("wb") as target:
            if about.url == HANDED_IN:
                fetched = handed.fetch(self._storage, about.claim, target, self._limits)
            else:
                fetched = self._guard.fetch(about.url, target, self._limits)
        crash.point("after_fetch")
        match fetched:
            case Refused(reason=reason, barred=True):
                return Barred(reason)
            case Refused(reason=reason):
                return Gone(reason)
            case Unreached(reason=reason):
                return Failed(reason)
            case Fetched(size=size):
                DOWNLOADED.inc(size)
        found = self._examiner.look(self._task(about, folder))
        if found.score is not None:
            SCORES.labels("failed" if isinstance(found, Unfit) else "delivered").observe(found.score)
        return found if isinstance(found, Unfit) else self._store(about, folder, fetched, found)

    def _task(self, about: Fetch, folder: Path) -> Inspect:
        preview = str(folder / "preview.jpg")
        look = Look(str(folder / "result"), ALLOWED, *self._megapixels, strict=True, small_copy=preview)
        source = about.source
        if source is None or source.width is None or source.height is None:
            return Inspect(look, about.size, None)
        size = (source.width * about.factor, source.height * about.factor)
        return Inspect(look, size, source.orientation, about.factor, self._reference(source, folder))

    def _reference(self, source: Source, folder: Path) -> str | None:
        """The source's small copy; without it the result is looked at all the same. Raises StorageError."""
        path = folder / "reference.png"
        try:
            found = self._storage.read(source.reference_key)
        except MissingFileError:
            log.warning("result.not_compared", job_id=str(source.job_id))
            return None
        with path.open("wb") as target:
            target.writelines(found.chunks)
        return str(path)

    def _store(self, about: Fetch, folder: Path, fetched: Fetched, found: Inspected) -> FetchAnswer:
        path, size, digest, seen = folder / "result", fetched.size, fetched.sha256, found.seen
        try:
            stripped = strip(path, seen, found.orientation, folder / "stripped")
        except UnknownLayoutError as error:
            return Unfit("metadata", str(error))
        if stripped:
            path, size, digest = stripped.path, stripped.size, stripped.sha256
        preview = folder / "preview.jpg"
        crash.point("before_store")
        name = f"enlarged-{about.factor}x.{seen.media_type.removeprefix('image/')}"
        self._storage.write(about.claim.file_key, path, seen.media_type, name)
        self._storage.write(preview_key(about.claim.file_key), preview, JPEG)
        crash.point("after_store")
        warnings = "; ".join(found.warnings) or None
        small = preview.stat().st_size
        return StoredFile(size, digest, seen.media_type, seen.width, seen.height, small, found.score, warnings)

    def _store_nothing(self, about: Fetch) -> FetchAnswer:
        """A result of the provider `null:` (contracts.md section 4): an empty file of the right size in pixels."""
        self._storage.write(about.claim.file_key, b"")
        return StoredFile(0, sha256(b"").hexdigest(), "image/png", *about.size)
