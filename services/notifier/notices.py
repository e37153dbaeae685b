"""Mails that no stage waits for: notices to the operator that are about no job (a budget, the refund brake, the
provider's refusal), the mail by which a customer confirms a corrected address, and what a customer is told beside the
order's way: that a part of the price was given back.

Whoever wants one writes its row (common/notices.py, and corrections.py of ingest); this sends it. A row is claimed
before the mail goes out and the answer is written down after it, as with every mail; a repeat carries the same
Message-ID.
"""

import threading
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog

from common import crash
from common.attention import raise_attention
from common.database import PASSING, Database, DatabaseAwayError
from common.notices import KIND
from common.refunds import IN_PART
from common.signing import Signer
from common.wording import REFUND_SHOWS
from services.notifier.letters import Letter, Letters
from services.notifier.metrics import MAILS
from services.notifier.settings import NotifierSettings
from services.notifier.smtp import MAIL_TIMEOUTS, NotSent, Rejected, SendAnswer, Sent, mailer

EVERY_S = 2.0
CONFIRMATION = "address"
NOBODY = Rejected("there is nothing to confirm any more, or nobody to write to")
LONGEST_WAIT_S = 3600.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Notice:
    """One claimed row. `detail`: what it says; the rest is of the order and of an address that a customer confirms."""

    mail_id: int
    claim_no: int
    local_id: str
    kind: str
    detail: dict[str, Any] | None
    job_id: UUID | None = None
    number: int | None = None
    address: str | None = None
    token_hash: bytes | None = None
    expires_at: datetime | None = None
    locale: str = "en"
    email: str | None = None
    ticket: str = ""


class Notices:
    """Runs until stopped; sends one mail after the other, oldest first. Any number of replicas may."""

    name = "notices"

    def __init__(self, settings: NotifierSettings, database: Database) -> None:
        self._settings = settings
        self._database = database
        self._mailer = mailer(settings.smtp_url, settings.smtp_timeout_s)
        self._letters = Letters(settings.mail_from, settings.site_name, settings.support_email, settings.terms_url)
        self._signer = Signer(settings.secret_key)
        self._base = settings.public_url.rstrip("/")
        self._domain = settings.mail_from.rpartition("@")[2]
        self._lease_s = settings.smtp_timeout_s * MAIL_TIMEOUTS + settings.claim_margin_s

    def run(self, stop: threading.Event) -> None:
        while not stop.wait(EVERY_S):
            try:
                while not stop.is_set() and self.send_one():
                    pass
            except (DatabaseAwayError, *PASSING) as error:
                log.warning("notices.stumbled", error=str(error))

    def send_one(self) -> bool:
        """Send the oldest mail that is due; False when there is none."""
        notice = self._claim()
        if notice is None:
            return False
        letter = self._letter(notice)
        crash.point("before_mail")
        answer = self._mailer.send(lambda: self._letters.render(letter)) if letter else NOBODY
        crash.point("after_mail")
        MAILS.labels(notice.kind, type(answer).__name__.lower()).inc()
        self._record(notice, answer)
        return True

    def _letter(self, notice: Notice) -> Letter | None:
        """None when nothing is to be confirmed any more (forgotten, or its key is gone), or nobody can be told."""
        message_id = f"<{notice.local_id}@{self._domain}>"
        if notice.kind == CONFIRMATION:
            token = self._signer.find(bytes(notice.token_hash or b""), CONFIRMATION, notice.job_id, notice.number)
            # neither the order's page nor its picture: whoever reads this may be a stranger
            values: dict[str, Any] = {"confirm_url": f"{self._base}/address/{token}", "expires_at": notice.expires_at}
            return Letter(CONFIRMATION, notice.address or "", message_id, notice.locale, values) if token else None
        detail = notice.detail or {}
        if notice.kind == IN_PART:
            order = {"status_url": f"{self._base}/jobs/{notice.ticket}", "ticket_short": notice.ticket[3:11]}
            told = {**detail, **order, "shows": REFUND_SHOWS}
            return Letter(IN_PART, notice.email, message_id, notice.locale, told) if notice.email else None
        values = {"subject": detail["subject"], "paragraphs": str(detail["text"]).split("\n\n")}
        return Letter(KIND, self._settings.admin_email, message_id, "en", values)

    def _claim(self) -> Notice | None:
        kinds = [CONFIRMATION, IN_PART, *([KIND] if self._settings.admin_email else [])]
        with self._database.transaction() as tx:
            row = tx.execute(
                """WITH claimed AS (
                       UPDATE mails SET state = 'claimed', claim_no = claim_no + 1, answered_at = NULL,
                           claimed_until = now() + make_interval(secs => %(lease)s)
                       WHERE mail_id = (SELECT mail_id FROM mails
                                        WHERE kind IN ('notice', 'address', 'refunded_in_part')
                                            AND state IN ('claimed', 'waiting') AND claimed_until <= now()
                                            AND kind = ANY(%(kinds)s)
                                        ORDER BY claimed_until LIMIT 1 FOR UPDATE SKIP LOCKED)
                       RETURNING mail_id, claim_no, message_id, kind, detail, job_id, about
                   )
                   SELECT c.mail_id, c.claim_no, c.message_id, c.kind, c.detail, c.job_id, w.number, w.address,
                          w.token_hash, w.expires_at, COALESCE(j.locale, 'en'), j.email, COALESCE(j.ticket, '')
                   FROM claimed c LEFT JOIN jobs j USING (job_id)
                   LEFT JOIN address_wishes w ON c.kind = 'address' AND w.job_id = c.job_id
                       AND c.about = w.job_id || ':' || w.number""",
                {"lease": self._lease_s, "kinds": kinds},
            ).fetchone()
        return Notice(*row) if row else None

    def _record(self, notice: Notice, answer: SendAnswer) -> None:
        """The answer; who was not taken is due again after a wait that grows with its claims."""
        wait_s: float | None = None  # it is over
        match answer:
            case Sent():
                state, why = "sent", None
            case NotSent(why=told):
                state, why = "waiting", told
                wait_s = min(self._settings.wake_first_s * 2 ** min(notice.claim_no, 16), LONGEST_WAIT_S)
            case Rejected(why=told):
                state, why = "failed", told
                # a server names the address that it refuses: a customer's stays out of the log
                log.error("notice.rejected", kind=notice.kind, error=told if notice.kind == KIND else "see its row")
        with self._database.transaction() as tx:
            tx.execute(
                """UPDATE mails SET state = %(state)s, error = %(why)s, answered_at = now(),
                       claimed_until = COALESCE(now() + make_interval(secs => %(wait)s), 'infinity')
                   WHERE mail_id = %(mail)s AND claim_no = %(claim)s AND state <> 'sent'""",
                {"mail": notice.mail_id, "claim": notice.claim_no, "state": state, "why": why, "wait": wait_s},
            )
            if notice.job_id and notice.kind == IN_PART and isinstance(answer, Rejected):
                raise_attention(tx, [(notice.job_id, "mail_rejected", answer.why)])
