"""Orders that were opened after the backup: made anew from their payment pages, unpaid, as they were."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from common import orders
from common.database import Database, Transaction
from common.orders import Order
from common.pictures.facts import JPEG, PNG, WEBP
from common.stages import Plan, Stage
from common.storage import MissingFileError, Storage
from services.ingest.money import witness
from services.ingest.money.stripe import Session

ACTOR = "restore-check"


def missing(tx: Transaction, sessions: Sequence[Session]) -> list[Session]:
    """Pages of ours that may still be paid, or were, and that no order knows; oldest first."""
    known = {row[0] for row in tx.execute("SELECT session_id FROM jobs WHERE session_id IS NOT NULL")}
    ours = [s for s in reversed(sessions) if witness.is_ours(s) and s.session_id not in known]
    return [session for session in ours if session.paid or session.status != "expired"]


def make_anew(database: Database, storage: Storage, plans: Mapping[Stage, Plan], session: Session) -> bool:
    """False when the page does not say enough. Raises DatabaseAwayError, StorageError."""
    order = witness.order_of(session)
    if order is None:
        return False
    upload = _upload(storage, order)
    with database.transaction() as tx:
        if not tx.execute("SELECT 1 FROM jobs WHERE job_id = %s", [order.job_id]).fetchone():
            if upload:
                tx.execute(_UPLOADED, upload)
            known = tx.execute("SELECT 1 FROM uploads WHERE upload_id = %s", [order.upload_id]).fetchone()
            orders.create(tx, plans, ACTOR, order if known else replace(order, upload_id=None))
        orders.record_session(tx, ACTOR, order.job_id, session.session_id, session.url)
    return True


def _upload(storage: Storage, order: Order) -> dict[str, object] | None:
    """The row of a customer's own picture, by its file; without the file the submitter finds that it is gone."""
    if not order.upload_id:
        return None
    key = f"uploads/{order.upload_id}"
    try:
        head = storage.read(key, 0, 12)
    except MissingFileError:
        return None
    return {
        "id": order.upload_id,
        "key": key,
        "type": media_type(b"".join(head.chunks)),
        "width": order.source_width,
        "height": order.source_height,
        "size": head.size,
    }


def media_type(head: bytes) -> str:
    """By the first bytes of a file that we stored ourselves."""
    if head.startswith(b"\x89PNG"):
        return PNG
    return WEBP if head[8:12] == b"WEBP" else JPEG


_UPLOADED = """
    INSERT INTO uploads (upload_id, file_key, media_type, width, height, file_size)
    VALUES (%(id)s, %(key)s, %(type)s, %(width)s, %(height)s, %(size)s) ON CONFLICT DO NOTHING
"""
