"""Looks at the pictures that orders are made from: the rows behind them (design section 5, submitter)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from common.database import LEASE, Transaction, keys, unnest


class Source(NamedTuple):
    """What is known of a source. `at_work`: somebody may be looking. `fit`: it was looked at, found good, and its
    reduced copy is stored; sizes as the file stores them. `gone`: how often its server said that it has no such file.
    """

    job_id: UUID
    at_work: bool
    fit: bool
    reference_key: str
    width: int | None
    height: int | None
    orientation: int | None
    gone: int = 0


@dataclass(frozen=True, slots=True)
class SourceRecord:
    """An answer for a source's row; `unfit` says why it cannot be enlarged."""

    job_id: UUID
    unfit: str | None = None
    width: int | None = None
    height: int | None = None
    orientation: int | None = None
    media_type: str | None = None
    file_size: int | None = None
    sha256: str | None = None


def reference_key(job_id: UUID) -> str:
    """Where the reduced copy of an order's source is stored."""
    return f"references/{job_id}"


def of_jobs(tx: Transaction, job_ids: Sequence[UUID]) -> dict[UUID, Source]:
    """The sources of these jobs that somebody has looked at, or is looking at."""
    rows = tx.execute(
        """SELECT job_id, looked_at IS NULL AND claimed_until > now(),
                  looked_at IS NOT NULL AND unfit IS NULL AND removed_at IS NULL,
                  reference_key, width, height, orientation, gone
           FROM sources WHERE job_id = ANY(%(ids)s::uuid[])""",
        {"ids": keys(job_ids)},
    )
    return {row[0]: Source(*row) for row in rows.fetchall()}


def claim(tx: Transaction, job_ids: Sequence[UUID], lease_s: float) -> None:
    """Commit the intent to look: from now on the key is known, whatever becomes of the worker."""
    unnest(
        tx,
        f"""INSERT INTO sources (job_id, claimed_until, reference_key)
           SELECT i.job_id, {LEASE}, i.key FROM {{rows}}
           ON CONFLICT (job_id) DO UPDATE SET claimed_until = excluded.claimed_until, looked_at = NULL,
               removed_at = NULL, unfit = NULL""",
        {
            "job_id": ("uuid", list(job_ids)),
            "lease_s": ("float8", [lease_s] * len(job_ids)),
            "key": ("text", [reference_key(job_id) for job_id in job_ids]),
        },
    )


def release(tx: Transaction, gone: Mapping[UUID, bool]) -> None:
    """These looks are over without an answer, or with the one that there is no such file."""
    unnest(
        tx,
        "UPDATE sources s SET claimed_until = now(), gone = s.gone + i.gone::int FROM {rows} WHERE s.job_id = i.job_id",
        {"job_id": ("uuid", list(gone)), "gone": ("bool", list(gone.values()))},
    )


def count_anew(tx: Transaction, job_ids: Sequence[UUID]) -> None:
    """A person decided: what these servers said before no longer counts."""
    tx.execute("UPDATE sources SET gone = 0 WHERE job_id = ANY(%(ids)s::uuid[])", {"ids": keys(job_ids)})


def record(tx: Transaction, records: Sequence[SourceRecord]) -> None:
    """Write what was seen on its rows, whatever has happened to the jobs meanwhile."""
    unnest(
        tx,
        """UPDATE sources s SET looked_at = now(), claimed_until = now(), unfit = i.unfit, width = i.width,
               height = i.height, orientation = i.orientation, media_type = i.media_type, file_size = i.file_size,
               sha256 = i.sha256
           FROM {rows} WHERE s.job_id = i.job_id""",
        {
            "job_id": ("uuid", [r.job_id for r in records]),
            "unfit": ("text", [r.unfit for r in records]),
            "width": ("int", [r.width for r in records]),
            "height": ("int", [r.height for r in records]),
            "orientation": ("int", [r.orientation for r in records]),
            "media_type": ("text", [r.media_type for r in records]),
            "file_size": ("bigint", [r.file_size for r in records]),
            "sha256": ("text", [r.sha256 for r in records]),
        },
    )


def mark_removed(tx: Transaction, job_ids: Sequence[UUID]) -> dict[UUID, str]:
    """Commit that these reduced copies are removed, before they are; returns their keys."""
    rows = tx.execute(
        """UPDATE sources SET removed_at = COALESCE(removed_at, now()) WHERE job_id = ANY(%(ids)s)
           RETURNING job_id, reference_key""",
        {"ids": list(job_ids)},
    )
    return {row[0]: row[1] for row in rows.fetchall()}
