"""Orders as the other workers leave them, written into the rows: these tests are about what ingest makes of them."""

import hashlib
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from common.signing import hash_token
from tests.integration.ingest.shop import Shop, signer

CONTENT = bytes(range(256)) * 5000


@dataclass
class Finished:
    """A delivered order and its download link."""

    ticket: str
    job_id: UUID
    token: str

    @property
    def path(self) -> str:
        return f"/wp-json/smi/v1/download/{self.token}"


def deliver(shop: Shop, ticket: str, content: bytes = CONTENT) -> Finished:
    job_id = shop.job(ticket)["job_id"]
    key = f"results/{job_id}/1.png"
    target = shop.storage / key
    target.parent.mkdir(parents=True)
    target.write_bytes(content)
    shop.rows(
        """INSERT INTO attempts (job_id, attempt, state, claimed_until, ended_at)
           VALUES (%s, 1, 'succeeded', now(), now())""",
        job_id,
    )
    shop.rows(
        """INSERT INTO deliveries (job_id, attempt, claim_no, claimed_until, file_key, stored_at, file_size, sha256,
                                   media_type, width, height)
           VALUES (%s, 1, 1, now(), %s, now(), %s, %s, 'image/png', 1920, 1280)""",
        job_id, key, len(content), hashlib.sha256(content).hexdigest(),
    )  # fmt: skip
    token = link(shop, job_id, 1)
    change(shop, ticket, status="completed", stage="announce")
    shop.rows("UPDATE jobs SET completed_at = now() WHERE job_id = %s", job_id)
    return Finished(ticket, job_id, token)


def link(shop: Shop, job_id: UUID, generation: int, lives: str = "24 hours") -> str:
    token = signer.download_token(job_id, generation)
    shop.rows(
        "INSERT INTO links (token_hash, job_id, generation, expires_at) VALUES (%s, %s, %s, now() + %s::interval)",
        hash_token(token), job_id, generation, lives,
    )  # fmt: skip
    return token


def change(shop: Shop, ticket: str, **columns: Any) -> None:
    for name, value in columns.items():
        shop.rows(f"UPDATE jobs SET {name} = %s WHERE ticket = %s", value, ticket)


def reach(shop: Shop, ticket: str, stage: str, ago: str = "0 s") -> None:
    """Write into the history that the order came to this stage."""
    shop.rows(
        """INSERT INTO job_events (job_id, at, actor, kind, to_stage)
           SELECT job_id, now() - %s::interval, 'test', 'moved', %s FROM jobs WHERE ticket = %s""",
        ago, stage, ticket,
    )  # fmt: skip
    change(shop, ticket, stage=stage, status="processing")
