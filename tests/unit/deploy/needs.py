"""What a worker that looks at pictures may need of memory, from its settings' defaults: then no picture can end it."""

from common.pictures.settings import PictureSettings
from services.finisher.settings import DeliverSettings
from services.ingest.selling import pictures
from services.submitter import source

OWN_MB = 300
UNITS = {"k": 2**10, "m": 2**20, "g": 2**30, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}


def needed_mb() -> dict[str, float]:
    """Megabytes by the worker's name: its own, and the most of each process that decodes for it at the same time."""
    each = PictureSettings.model_fields["decode_memory_mb"].default * 2**20 / 1e6
    at_once = {
        "ingest": pictures.AT_ONCE._value,  # noqa: SLF001 - the semaphore knows
        "submitter": source.AT_ONCE._value,  # noqa: SLF001
        "finisher, deliver": DeliverSettings.model_fields["finish_threads"].default,
    }
    return {worker: OWN_MB + number * each for worker, number in at_once.items()}


def megabytes(limit: str) -> float:
    """Of a limit as Compose (`512m`) or Kubernetes (`512Mi`) writes it."""
    number = limit.rstrip("kmgKMGi")
    return float(number) * UNITS[limit.removeprefix(number)] / 1e6
