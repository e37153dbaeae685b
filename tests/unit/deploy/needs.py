"""What a worker that looks at pictures needs of memory, from its settings' defaults."""

from services.finisher.settings import DeliverSettings
from services.ingest.selling import pictures
from services.ingest.settings import IngestSettings
from services.submitter import source
from services.submitter.settings import SubmitterSettings

HELD_BYTES = 6  # a pixel of a progressive JPEG that is not subsampled: three coefficients of two bytes
OWN_MB = 300  # the worker itself, and what its two decoding processes load
SOURCES_AT_ONCE = 2
UNITS = {"k": 2**10, "m": 2**20, "g": 2**30, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}


def _needed_mb(at_once: int, megapixels: float) -> float:
    return OWN_MB + at_once * megapixels * HELD_BYTES


def _default(model: type[DeliverSettings | IngestSettings | SubmitterSettings], name: str) -> float:
    return float(model.model_fields[name].default)


def needed_mb() -> dict[str, float]:
    """Megabytes by the worker's name; results that are not decoded whole need less (tests/integration/pictures)."""
    assert source.AT_ONCE._value == pictures.AT_ONCE._value == SOURCES_AT_ONCE  # noqa: SLF001 - said in the other files as well
    held = min(_default(DeliverSettings, name) for name in ("max_held_megapixels", "max_result_megapixels"))
    return {
        "ingest": _needed_mb(SOURCES_AT_ONCE, _default(IngestSettings, "max_source_megapixels")),
        "submitter": _needed_mb(SOURCES_AT_ONCE, _default(SubmitterSettings, "max_source_megapixels")),
        "finisher, deliver": _needed_mb(int(_default(DeliverSettings, "finish_threads")), held),
    }


def megabytes(limit: str) -> float:
    """Of a limit as Compose (`512m`) or Kubernetes (`512Mi`) writes it."""
    number = limit.rstrip("kmgKMGi")
    return float(number) * UNITS[limit.removeprefix(number)] / 1e6
