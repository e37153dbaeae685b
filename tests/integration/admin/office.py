"""Orders in every stage, reached as the workers reach them, and a desk to decide about them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import dict_row
from pydantic import SecretStr

from common import attempts, jobs, links
from common.admin import Decision, Desk, Done
from common.admin.desk import Tools, Verb
from common.attempts import AttemptState, Claim, Record
from common.database import Database, Transaction
from common.events import Event
from common.failures import failed
from common.outcomes import Move
from common.signing import Signer, hash_token
from common.stages import Stage, Status
from common.storage import Storage
from services.finisher import deliveries
from services.finisher.deliveries import FetchClaim, StoredFile
from tests.integration.life.rows import PLANS, moved, ordered, paid

SIGNER = Signer(SecretStr("k" * 32))
LINK_S, PROMISE_S = 24 * 3600.0, 24 * 3600.0
WATCHED = Move(Stage.WATCH, "submitted", status=Status.PROCESSING, attempt=1)
FETCHED = Move(Stage.FETCH, "upscaled", attempt=1)
COMPLETED = Move(Stage.ANNOUNCE, "completed", status=Status.COMPLETED)
REMIND, KEEP = Move(Stage.REMIND, "mailed_ready"), Move(Stage.KEEP, "no_reminder")
SETTLED = Move(Stage.SETTLED, "files_removed")
REFUNDED = Move(Stage.ANNOUNCE, "refunded", status=Status.REFUNDED, refunded_cents=192)
ABANDONED = Move(Stage.SETTLED, "abandoned", status=Status.ABANDONED)
ANNA = Decision("anna", "the customer asked")


def _submitted(tx: Transaction, job_id: UUID) -> None:
    attempts.claim(tx, [Claim(job_id, 1, 1)], 60)
    attempts.record(tx, [Record(job_id, 1, AttemptState.OPEN, ended=False, provider_id=f"up_{job_id}")], 3600)


def _succeeded(tx: Transaction, job_id: UUID) -> None:
    url = "https://results.example/1.png"
    done = Record(job_id, 1, AttemptState.SUCCEEDED, ended=True, provider_id=f"up_{job_id}", result_url=url)
    attempts.record(tx, [done], 3600)


def _stored(tx: Transaction, job_id: UUID) -> None:
    claim = FetchClaim(job_id, 1, 1)
    deliveries.claim(tx, [claim], 60)
    deliveries.record(tx, [(claim, StoredFile(3, "ab", "image/png", 1804, 1200))])
    links.issue_links(tx, [(job_id, 1, hash_token(SIGNER.download_token(job_id, 1)))], LINK_S)


def _mailed(tx: Transaction, job_id: UUID, kind: str, about: str, state: str = "sent") -> None:
    tx.execute(
        """INSERT INTO mails (kind, about, job_id, state, claimed_until, message_id)
           VALUES (%s, %s, %s, %s, now(), %s)""",
        [kind, about, job_id, state, f"<{kind}.{about}>"],
    )


def checkout(tx: Transaction) -> UUID:
    return ordered(tx)


def submit(tx: Transaction) -> UUID:
    return moved(tx, ordered(tx), paid()).job_id


def watch(tx: Transaction) -> UUID:
    job_id = submit(tx)
    _submitted(tx, job_id)
    return moved(tx, job_id, WATCHED).job_id


def fetch(tx: Transaction) -> UUID:
    job_id = watch(tx)
    _succeeded(tx, job_id)
    return moved(tx, job_id, FETCHED).job_id


def refund(tx: Transaction) -> UUID:
    job_id = fetch(tx)
    return moved(tx, job_id, failed(jobs.lock(tx, [job_id])[job_id], "timeout")).job_id


def refund_open(tx: Transaction) -> UUID:
    job_id = refund(tx)
    tx.execute(
        """INSERT INTO refunds (refund_id, job_id, number, state, amount_cents, reason, idempotency_key, claimed_until)
           VALUES (gen_random_uuid(), %s, 1, 'pending', 192, 'timeout', %s, now())""",
        [job_id, f"refund:{job_id}:1"],
    )
    return job_id


def announce(tx: Transaction) -> UUID:
    job_id = fetch(tx)
    _stored(tx, job_id)
    return moved(tx, job_id, COMPLETED).job_id


def remind(tx: Transaction) -> UUID:
    job_id = announce(tx)
    _mailed(tx, job_id, "ready", f"{job_id}:1")
    return moved(tx, job_id, REMIND).job_id


def keep(tx: Transaction) -> UUID:
    return moved(tx, remind(tx), KEEP).job_id


def removed(tx: Transaction) -> UUID:
    job_id = keep(tx)
    deliveries.mark_removed(tx, [job_id])
    return moved(tx, job_id, SETTLED).job_id


def refunded(tx: Transaction) -> UUID:
    job_id = moved(tx, refund(tx), REFUNDED).job_id
    _mailed(tx, job_id, "refunded", str(job_id))
    return moved(tx, job_id, KEEP, SETTLED).job_id


def abandoned(tx: Transaction) -> UUID:
    return moved(tx, ordered(tx), ABANDONED).job_id


PLACES: dict[str, Callable[[Transaction], UUID]] = {
    place.__name__: place
    for place in (
        checkout, submit, watch, fetch, refund, refund_open, announce, remind, keep, removed, refunded, abandoned
    )
}  # fmt: skip


@dataclass
class Office:
    """`said` is what the broker was given; `broker_up` whether it takes anything."""

    database_url: str
    database: Database
    folder: Path
    said: list[Event] = field(default_factory=list)
    broker_up: bool = True

    def __post_init__(self) -> None:
        self.storage = Storage(f"file://{self.folder}/files")
        self.desk = Desk(self.database, Tools(PLANS, PROMISE_S, LINK_S, SIGNER, self.storage, self._say))

    def an_order(self, place: str) -> UUID:
        with self.database.transaction() as tx:
            return PLACES[place](tx)

    def act(self, verb: Verb, job_id: UUID | str, by: Decision = ANNA) -> Done:
        return self.desk.act(verb, str(job_id), by)

    def rows(self, statement: str, *values: Any) -> list[dict[str, Any]]:
        with psycopg.connect(self.database_url, row_factory=dict_row, autocommit=True) as connection:
            cursor = connection.execute(statement, values)
            return cursor.fetchall() if cursor.description else []

    def job(self, job_id: UUID) -> dict[str, Any]:
        return self.rows("SELECT *, wake_at <= now() AS due FROM jobs WHERE job_id = %s", job_id)[0]

    def kinds(self, job_id: UUID) -> list[str]:
        return [r["kind"] for r in self.rows("SELECT kind FROM job_events WHERE job_id = %s ORDER BY event_id", job_id)]

    def audit(self, job_id: UUID) -> list[tuple[str, str, str]]:
        rows = self.rows("SELECT actor, verb, why FROM audit WHERE job_id = %s ORDER BY audit_id", job_id)
        return [(row["actor"], row["verb"], row["why"]) for row in rows]

    def _say(self, event: Event) -> bool:
        if self.broker_up:
            self.said.append(event)
        return self.broker_up
