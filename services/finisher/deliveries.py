"""Deliveries and links: the rows behind a stored picture. A row is one try to fetch and store; its key comes first."""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from common import sources
from common.database import LEASE, Transaction, keys, unnest


class FetchClaim(NamedTuple):
    """The right to fetch this attempt's result and store it under `file_key`."""

    job_id: UUID
    attempt: int
    claim_no: int

    @property
    def file_key(self) -> str:
        """A key of its own per attempt and claim: two workers never write the same file."""
        return f"results/{self.job_id}/{self.attempt}.{self.claim_no}"


def preview_key(file_key: str) -> str:
    """Where the small picture of a stored file lies."""
    return file_key.replace("results/", "previews/", 1)


class StoredFile(NamedTuple):
    """What was stored: bytes, digest (hex), type, pixels; its preview's bytes, score, and what checks warn of."""

    file_size: int
    sha256: str
    media_type: str
    width: int
    height: int
    preview_size: int | None = None
    score: float | None = None
    warnings: str | None = None


RUNNING = """SELECT job_id, attempt, claim_no, stored_at IS NULL AND claimed_until > now() FROM deliveries
    WHERE job_id = ANY(%(ids)s::uuid[]) ORDER BY job_id, attempt, claim_no"""


def running(tx: Transaction, job_ids: Sequence[UUID]) -> dict[UUID, list[tuple[FetchClaim, bool]]]:
    """The fetch claims of these jobs, oldest first, each with whether it may still be at work."""
    found: dict[UUID, list[tuple[FetchClaim, bool]]] = defaultdict(list)
    for job_id, attempt, number, at_work in tx.execute(RUNNING, {"ids": keys(job_ids)}):
        found[job_id].append((FetchClaim(job_id, attempt, number), at_work))
    return found


def claim(tx: Transaction, claims: Sequence[FetchClaim], lease_s: float) -> None:
    """Commit the intent to fetch: from now on the key is known, whatever becomes of the worker."""
    unnest(
        tx,
        f"""INSERT INTO deliveries (job_id, attempt, claim_no, claimed_until, file_key)
           SELECT i.job_id, i.attempt, i.claim_no, {LEASE}, i.file_key FROM {{rows}}""",
        {
            "job_id": ("uuid", [c.job_id for c in claims]),
            "attempt": ("int", [c.attempt for c in claims]),
            "claim_no": ("int", [c.claim_no for c in claims]),
            "lease_s": ("float8", [lease_s] * len(claims)),
            "file_key": ("text", [c.file_key for c in claims]),
        },
    )


def release(tx: Transaction, claims: Sequence[FetchClaim]) -> None:
    """These fetches are over without a file."""
    unnest(
        tx,
        """UPDATE deliveries d SET claimed_until = now() FROM {rows}
           WHERE d.job_id = i.job_id AND d.attempt = i.attempt AND d.claim_no = i.claim_no""",
        {
            "job_id": ("uuid", [c.job_id for c in claims]),
            "attempt": ("int", [c.attempt for c in claims]),
            "claim_no": ("int", [c.claim_no for c in claims]),
        },
    )


def record(tx: Transaction, stored: Sequence[tuple[FetchClaim, StoredFile]]) -> None:
    """Write what was stored on its rows, whatever has happened to the jobs meanwhile."""
    unnest(
        tx,
        """UPDATE deliveries d SET stored_at = now(), file_size = i.file_size, sha256 = i.sha256,
               media_type = i.media_type, width = i.width, height = i.height,
               preview_size = i.preview_size, score = i.score, warnings = i.warnings
           FROM {rows} WHERE d.job_id = i.job_id AND d.attempt = i.attempt AND d.claim_no = i.claim_no""",
        {
            "job_id": ("uuid", [c.job_id for c, _ in stored]),
            "attempt": ("int", [c.attempt for c, _ in stored]),
            "claim_no": ("int", [c.claim_no for c, _ in stored]),
            "file_size": ("bigint", [f.file_size for _, f in stored]),
            "sha256": ("text", [f.sha256 for _, f in stored]),
            "media_type": ("text", [f.media_type for _, f in stored]),
            "width": ("int", [f.width for _, f in stored]),
            "height": ("int", [f.height for _, f in stored]),
            "preview_size": ("bigint", [f.preview_size for _, f in stored]),
            "score": ("float4", [f.score for _, f in stored]),
            "warnings": ("text", [f.warnings for _, f in stored]),
        },
    )


def time_left(tx: Transaction, job_ids: Sequence[UUID], keep_s: float) -> dict[UUID, float]:
    """Seconds that the files of these jobs are still to be kept; without those whose time is over.

    A renewed link keeps its file, however old that is. What was refunded is kept as long only where its link was left
    (REVOKE_ON_REFUND).
    """
    rows = tx.execute(
        """SELECT job_id, left_s FROM (
               SELECT d.job_id, extract(epoch FROM GREATEST(
                          max(d.stored_at) + make_interval(secs => %(keep)s),
                          (SELECT max(l.expires_at) FROM links l WHERE l.job_id = d.job_id AND l.revoked_at IS NULL)
                      ) - now())::float8 AS left_s
               FROM deliveries d JOIN jobs j USING (job_id)
               WHERE d.job_id = ANY(%(ids)s) AND d.removed_at IS NULL AND d.stored_at IS NOT NULL
                 AND (j.status = 'completed' OR (j.status = 'refunded' AND EXISTS (
                      SELECT FROM links l WHERE l.job_id = d.job_id AND l.revoked_at IS NULL)))
               GROUP BY d.job_id
           ) kept WHERE left_s > 0""",
        {"ids": list(job_ids), "keep": keep_s},
    )
    return {job_id: float(left_s) for job_id, left_s in rows}


def mark_removed(tx: Transaction, job_ids: Sequence[UUID]) -> dict[UUID, list[str]]:
    """Commit that the files of these jobs are removed, before they are; returns every key that may exist."""
    found: dict[UUID, list[str]] = defaultdict(list)
    for job_id, key in sources.mark_removed(tx, job_ids).items():
        found[job_id].append(key)
    for job_id, key in tx.execute(
        """UPDATE deliveries SET removed_at = COALESCE(removed_at, now()) WHERE job_id = ANY(%(ids)s)
           RETURNING job_id, file_key""",
        {"ids": list(job_ids)},
    ):
        found[job_id] += [key, preview_key(key)]
    return found
