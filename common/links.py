"""Download links: only the hash of a token is stored, and a new one takes the place of the older ones (promise 6)."""

from collections.abc import Sequence
from uuid import UUID

from common.database import Transaction, keys, unnest


def next_generations(tx: Transaction, job_ids: Sequence[UUID]) -> dict[UUID, int]:
    """The generation of each job's next link, counted from 1."""
    rows = tx.execute(
        "SELECT job_id, max(generation) FROM links WHERE job_id = ANY(%(ids)s::uuid[]) GROUP BY job_id",
        {"ids": keys(job_ids)},
    )
    last = {job_id: int(generation) for job_id, generation in rows}
    return {job_id: last.get(job_id, 0) + 1 for job_id in job_ids}


def issue_links(tx: Transaction, links: Sequence[tuple[UUID, int, bytes]], life_s: float) -> None:
    """Store the hashes of new links (job, generation, sha256 of the token) and revoke the older ones.

    The jobs move in the same transaction: whoever mails a link knows by that whether there is a newer one.
    """
    columns: dict[str, tuple[str, list[object]]] = {
        "job_id": ("uuid", [job_id for job_id, _, _ in links]),
        "generation": ("int", [generation for _, generation, _ in links]),
        "token_hash": ("bytea", [token_hash for _, _, token_hash in links]),
        "life_s": ("float8", [life_s] * len(links)),
    }
    unnest(
        tx,
        """INSERT INTO links (job_id, generation, token_hash, expires_at)
           SELECT i.job_id, i.generation, i.token_hash, now() + make_interval(secs => i.life_s) FROM {rows}""",
        columns,
    )
    if any(generation > 1 for _, generation, _ in links):
        unnest(
            tx,
            """UPDATE links l SET revoked_at = now() FROM {rows}
               WHERE l.job_id = i.job_id AND l.generation < i.generation AND l.revoked_at IS NULL""",
            columns,
        )
