"""Mail rows: each mail is a row before it is sent, unique by its kind, what it is about, and its number (promise 2)."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from common import disputed
from common.database import LEASE, Transaction, keys, unnest


class MailKey(NamedTuple):
    """Which mail: `ready` about a link's generation, `refunded` about a job, `attention` about its newest reason."""

    kind: str
    about: str
    job_id: UUID
    number: int = 1  # counts what a person has sent again

    @property
    def local_id(self) -> str:
        """The left side of the Message-ID: the same for every repeat, so that a repeat is recognised."""
        return f"{self.kind}.{self.about.replace(':', '.')}.{self.number}"

    @property
    def generation(self) -> int:
        """The link's that the mail is about."""
        return int(self.about.rpartition(":")[2])


class MailRow(NamedTuple):
    """A mail's row. `at_work`: a worker may still be sending it."""

    kind: str
    about: str
    state: str
    at_work: bool
    claim_no: int
    number: int


class LinkFacts(NamedTuple):
    """What a letter says of a job's newest link and the file behind it."""

    job_id: UUID
    generation: int
    token_hash: bytes
    expires_at: datetime
    downloads: int
    width: int
    height: int
    file_size: int
    has_preview: bool


OF_JOBS = """SELECT DISTINCT ON (kind, about) kind, about, state, state = 'claimed' AND claimed_until > now(), claim_no,
        number
    FROM mails WHERE job_id = ANY(%(ids)s::uuid[]) ORDER BY kind, about, number DESC"""


def of_jobs(tx: Transaction, job_ids: Sequence[UUID]) -> dict[tuple[str, str], MailRow]:
    """The newest row of each mail about these (locked) jobs, by its kind and what it is about."""
    return {(row[0], row[1]): MailRow(*row) for row in tx.execute(OF_JOBS, {"ids": keys(job_ids)}).fetchall()}


def claim_new(tx: Transaction, mails: Sequence[tuple[MailKey, str]], lease_s: float) -> None:
    """Commit the intent to send (key, Message-ID) for mails that have no row: one that has is an error."""
    unnest(tx, _CLAIM, _claims(mails, lease_s))


def claim(tx: Transaction, mails: Sequence[tuple[MailKey, str]], lease_s: float) -> None:
    """A new claim on mails that were not accepted yet."""
    unnest(
        tx,
        f"""{_CLAIM}
           ON CONFLICT (kind, about, number) DO UPDATE SET state = 'claimed', claim_no = mails.claim_no + 1,
               claimed_until = excluded.claimed_until, answered_at = NULL, message_id = excluded.message_id""",
        _claims(mails, lease_s),
    )


def record(tx: Transaction, answers: Sequence[tuple[MailKey, int, str, str | None]]) -> None:
    """Write (mail, claim number, state, error). Accepted stays accepted; an older claim can only say that it was."""
    unnest(
        tx,
        """UPDATE mails m SET state = i.state, error = i.error, answered_at = now() FROM {rows}
           WHERE m.kind = i.kind AND m.about = i.about AND m.number = i.number AND m.state <> 'sent'
             AND (m.claim_no = i.claim_no OR i.state = 'sent')""",
        {
            "about": ("text", [key.about for key, _, _, _ in answers]),
            "kind": ("text", [key.kind for key, _, _, _ in answers]),
            "number": ("int", [key.number for key, _, _, _ in answers]),
            "claim_no": ("int", [claim_no for _, claim_no, _, _ in answers]),
            "state": ("text", [state for _, _, state, _ in answers]),
            "error": ("text", [error for _, _, _, error in answers]),
        },
    )


def newest_links(tx: Transaction, job_ids: Sequence[UUID]) -> dict[UUID, int]:
    """The generation of the newest link of each of these (locked) jobs, where that was not revoked."""
    rows = tx.execute(
        """SELECT DISTINCT ON (job_id) job_id, generation, revoked_at IS NOT NULL FROM links
           WHERE job_id = ANY(%(ids)s::uuid[]) ORDER BY job_id, generation DESC""",
        {"ids": keys(job_ids)},
    )
    return {job_id: int(generation) for job_id, generation, revoked in rows if not revoked}


def start_links(tx: Transaction, generations: Mapping[UUID, int], life_s: float) -> None:
    """Their mails were accepted: from now on these links have their full life (design section 5)."""
    unnest(
        tx,
        """UPDATE links l SET expires_at = GREATEST(l.expires_at, now() + make_interval(secs => i.life_s))
           FROM {rows} WHERE l.job_id = i.job_id AND l.generation = i.generation AND l.revoked_at IS NULL""",
        {
            "job_id": ("uuid", list(generations)),
            "generation": ("int", list(generations.values())),
            "life_s": ("float8", [life_s] * len(generations)),
        },
    )


LINKS = f"""SELECT DISTINCT ON (l.job_id) l.job_id, l.generation, l.token_hash, l.expires_at, l.downloads,
        d.width, d.height, d.file_size, d.preview_size IS NOT NULL
    FROM links l JOIN deliveries d ON d.job_id = l.job_id AND d.stored_at IS NOT NULL AND d.removed_at IS NULL
    WHERE l.job_id = ANY(%(ids)s::uuid[]) AND l.revoked_at IS NULL AND NOT {disputed.freezes("l.job_id")}
    ORDER BY l.job_id, l.generation DESC, d.stored_at DESC"""


def links(tx: Transaction, job_ids: Sequence[UUID]) -> dict[UUID, LinkFacts]:
    """The newest link and the newest stored file of each job that has both."""
    return {row[0]: LinkFacts(*row) for row in tx.execute(LINKS, {"ids": keys(job_ids)}).fetchall()}


def resting(tx: Transaction, job_ids: Sequence[UUID]) -> dict[UUID, bool]:
    """The jobs whose links are dead because of a dispute, and whether it is still open."""
    rows = tx.execute(
        f"""SELECT j.job_id, EXISTS (SELECT FROM disputes o WHERE o.job_id = j.job_id AND o.closed_at IS NULL)
            FROM jobs j WHERE j.job_id = ANY(%(ids)s::uuid[]) AND {disputed.freezes("j.job_id")}""",
        {"ids": keys(job_ids)},
    )
    return {row[0]: bool(row[1]) for row in rows}


def open_reasons(tx: Transaction, job_ids: Sequence[UUID]) -> dict[UUID, list[tuple[int, str, str, datetime]]]:
    """The open attention rows of each job, oldest first: (id, reason, detail, since)."""
    found: dict[UUID, list[tuple[int, str, str, datetime]]] = {}
    for job_id, *reason in tx.execute(
        """SELECT job_id, attention_id, reason, detail, opened_at FROM attention
           WHERE closed_at IS NULL AND job_id = ANY(%(ids)s::uuid[]) ORDER BY attention_id""",
        {"ids": keys(job_ids)},
    ):
        found.setdefault(job_id, []).append((reason[0], reason[1], reason[2], reason[3]))
    return found


_CLAIM = f"""INSERT INTO mails (kind, about, number, job_id, state, claimed_until, message_id)
    SELECT i.kind, i.about, i.number, i.job_id, 'claimed', {LEASE}, i.message_id
    FROM {{rows}}"""


def _claims(mails: Sequence[tuple[MailKey, str]], lease_s: float) -> dict[str, tuple[str, list[Any]]]:
    return {
        "about": ("text", [key.about for key, _ in mails]),
        "kind": ("text", [key.kind for key, _ in mails]),
        "number": ("int", [key.number for key, _ in mails]),
        "job_id": ("uuid", [key.job_id for key, _ in mails]),
        "message_id": ("text", [message_id for _, message_id in mails]),
        "lease_s": ("float8", [lease_s] * len(mails)),
    }
