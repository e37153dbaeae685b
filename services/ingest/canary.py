"""The ticker `canary`: an order of our own now and then, through every stage, to see that all of them run.

It costs nothing and nobody paid it, so Stripe never hears of it; the provider does the work (and charges for it: the
picture is as small as pictures are). It stands in no count, no book and no promise. `CANARY_EMAIL` gets its mail;
without, the mail is the one thing that is left out.
"""

import secrets
import threading
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import structlog
from uuid_utils import compat

from common import jobs, orders, tracing
from common.database import PASSING, Database, DatabaseAwayError, Transaction
from common.orders import Order
from common.outcomes import Move
from common.stages import Plan, Stage, Status
from common.storage import Storage, StorageError
from services.ingest.edge import ACTOR

PICTURE = Path(__file__).parent / "canary.jpg"  # a part of the sandbox's cat.jpg: CC0 1.0, by Stefan van der Walt
SIZE, FACTOR = (160, 120), 4
LOOKS = 6  # in one interval
LONGEST_LOOK_S = 10.0

log = structlog.get_logger()


class Canary:
    """Sends one when the last one is old enough and has come through; any number of replicas send one together."""

    name = "canary"

    def __init__(
        self, database: Database, storage: Storage, plans: Mapping[Stage, Plan], every_s: float, email: str
    ) -> None:
        self._database = database
        self._storage = storage
        self._plans = plans
        self._every_s = every_s
        self._email = email

    def run(self, stop: threading.Event) -> None:
        while not stop.wait(min(self._every_s / LOOKS, LONGEST_LOOK_S) or LONGEST_LOOK_S):
            try:
                self.once()
            except (DatabaseAwayError, StorageError, *PASSING) as error:
                log.warning("canary.not_sent", error=str(error))

    def once(self) -> bool:
        """Send one if it is time; False when it is not. Raises DatabaseAwayError, StorageError."""
        if not self._every_s or not self._due():
            return False
        upload_id = f"up_canary_{secrets.token_urlsafe(12)}"
        with self._database.transaction() as tx:
            tx.execute(
                """INSERT INTO uploads (upload_id, file_key, media_type, width, height, file_size)
                   VALUES (%(id)s, %(key)s, 'image/jpeg', %(width)s, %(height)s, %(size)s)""",
                {"id": upload_id, "key": f"uploads/{upload_id}", "width": SIZE[0], "height": SIZE[1],
                 "size": PICTURE.stat().st_size},
            )  # fmt: skip
        self._storage.write(f"uploads/{upload_id}", PICTURE, "image/jpeg")  # after its row, as every upload
        with self._database.transaction() as tx:
            tx.execute("SELECT pg_advisory_xact_lock(hashtextextended('canary', 0))")
            return self._time_has_come(tx) and self._send(tx, upload_id)

    def _due(self) -> bool:
        with self._database.transaction() as tx:
            return self._time_has_come(tx)

    def _time_has_come(self, tx: Transaction) -> bool:
        """One is under way at most: a stage that is stuck holds one up, not a thousand."""
        row = tx.execute(
            """SELECT 1 FROM jobs WHERE canary
               AND (settled_at IS NULL OR created_at > now() - make_interval(secs => %s)) LIMIT 1""",
            [self._every_s],
        ).fetchone()
        return row is None

    def _send(self, tx: Transaction, upload_id: str) -> bool:
        order = Order(
            job_id=compat.uuid7(),
            ticket=f"tk_{secrets.token_hex(16)}",
            source_kind="upload",
            source_url=f"upload:{upload_id}",
            source_width=SIZE[0],
            source_height=SIZE[1],
            factor=FACTOR,
            amount_cents=0,
            currency="usd",
            credits=0,
            cost_cents=0,
            markup_percent=Decimal(0),
            return_url="",
            email=self._email or None,
            upload_id=upload_id,
            traceparent=tracing.begun(),
            canary=True,
        )
        orders.create(tx, self._plans, ACTOR, order)
        job = jobs.lock(tx, [order.job_id])[order.job_id]
        # nobody publishes its event: the clock is a part of what it tries
        jobs.apply(tx, self._plans, ACTOR, [(job, Move(Stage.SUBMIT, "canary", status=Status.PENDING, wake_s=0))])
        log.info("canary.sent", job_id=str(order.job_id))
        return True
