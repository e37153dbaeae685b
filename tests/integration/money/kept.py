"""A delivered picture of an order at the till, and what its customer has of it."""

from uuid import UUID

from pydantic import SecretStr

from common import attempts, links
from common.attempts import AttemptState, Claim, Record
from common.outcomes import Move
from common.signing import Signer, hash_token
from common.stages import Stage, Status
from services.finisher import deliveries
from services.finisher.deliveries import FetchClaim, StoredFile
from services.ingest.customer import downloads
from tests.integration.life.rows import moved
from tests.integration.money.till import Till
from tests.unit.builders import KEY

SIGNER = Signer(SecretStr(KEY))
DAY_S = 24 * 3600.0
ON_ITS_WAY = (Move(Stage.WATCH, "submitted", status=Status.PROCESSING, attempt=1),
              Move(Stage.FETCH, "upscaled", attempt=1))  # fmt: skip


def a_picture_of(till: Till, job_id: UUID) -> None:
    """The order is completed: its file and its link are there, and nobody was told."""
    with till.database.transaction() as tx:
        attempts.claim(tx, [Claim(job_id, 1, 1)], 60)
        done = Record(job_id, 1, AttemptState.SUCCEEDED, ended=True, provider_id=f"up_{job_id}", result_url="u")
        attempts.record(tx, [done], 3600)
        claim = FetchClaim(job_id, 1, 1)
        deliveries.claim(tx, [claim], 60)
        deliveries.record(tx, [(claim, StoredFile(3, "ab", "image/png", 1804, 1200))])
        links.issue_links(tx, [(job_id, 1, hash_token(SIGNER.download_token(job_id, 1)))], DAY_S)
        moved(tx, job_id, *ON_ITS_WAY, Move(Stage.ANNOUNCE, "completed", status=Status.COMPLETED))


def live(till: Till, job_id: UUID, generation: int = 1) -> bool:
    """Whether the link of this generation works, by the statement that serves downloads."""
    token_hash = hash_token(SIGNER.download_token(job_id, generation))
    with till.database.transaction() as tx:
        cursor = tx.execute(downloads._LINK, {"hash": token_hash})  # noqa: SLF001 - what ingest decides from
        names = [column.name for column in cursor.description or ()]
        return bool(dict(zip(names, cursor.fetchone() or (), strict=True))["live"])


def mailed(till: Till, job_id: UUID) -> list[tuple[str, str, int | None, int | None]]:
    """Each mail to the customer, oldest first: its kind, its state, and the cents that it tells."""
    rows = till.sql("SELECT kind, state, detail FROM mails WHERE job_id = %s AND kind <> 'attention' ORDER BY mail_id",
                    job_id)  # fmt: skip
    return [(kind, state, (said or {}).get("cents"), (said or {}).get("refunded_cents")) for kind, state, said in rows]
