"""Notices: mails to the operator that are about no job (a budget, the refund brake, the provider's refusal).

Whoever notices writes the row (common/notices.py); this sends it. A row is claimed before the mail goes out and the
answer is written down after it, as with every mail; a repeat carries the same Message-ID.
"""

import threading
from dataclasses import dataclass
from typing import Any

import structlog

from common import crash
from common.database import PASSING, Database, DatabaseAwayError
from common.notices import KIND
from services.notifier.letters import Letter, Letters
from services.notifier.metrics import MAILS
from services.notifier.settings import NotifierSettings
from services.notifier.smtp import NotSent, Rejected, SendAnswer, Sent, mailer

EVERY_S = 2.0
LONGEST_WAIT_S = 3600.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Notice:
    """One claimed row. `detail`: subject and text."""

    mail_id: int
    claim_no: int
    local_id: str
    detail: dict[str, Any]


class Notices:
    """Runs until stopped; sends one notice after the other, oldest first. Any number of replicas may."""

    name = "notices"

    def __init__(self, settings: NotifierSettings, database: Database) -> None:
        self._settings = settings
        self._database = database
        self._mailer = mailer(settings.smtp_url, settings.smtp_timeout_s)
        self._letters = Letters(settings.mail_from, settings.site_name, settings.support_email, settings.terms_url)
        self._domain = settings.mail_from.rpartition("@")[2]
        self._lease_s = settings.smtp_timeout_s * 2 + settings.claim_margin_s

    def run(self, stop: threading.Event) -> None:
        while not stop.wait(EVERY_S):
            try:
                while self._settings.admin_email and not stop.is_set() and self.send_one():
                    pass
            except (DatabaseAwayError, *PASSING) as error:
                log.warning("notices.stumbled", error=str(error))

    def send_one(self) -> bool:
        """Send the oldest notice that is due; False when there is none."""
        notice = self._claim()
        if notice is None:
            return False
        crash.point("before_mail")
        answer = self._mailer.send(lambda: self._letters.render(self._letter(notice)))
        crash.point("after_mail")
        MAILS.labels(KIND, type(answer).__name__.lower()).inc()
        self._record(notice, answer)
        return True

    def _letter(self, notice: Notice) -> Letter:
        values = {"subject": notice.detail["subject"], "paragraphs": str(notice.detail["text"]).split("\n\n")}
        return Letter(KIND, self._settings.admin_email, f"<{notice.local_id}@{self._domain}>", "en", values)

    def _claim(self) -> Notice | None:
        with self._database.transaction() as tx:
            row = tx.execute(
                """UPDATE mails SET state = 'claimed', claim_no = claim_no + 1, answered_at = NULL,
                       claimed_until = now() + make_interval(secs => %(lease)s)
                   WHERE mail_id = (SELECT mail_id FROM mails WHERE kind = 'notice' AND state IN ('claimed', 'waiting')
                                        AND claimed_until <= now()
                                    ORDER BY claimed_until LIMIT 1 FOR UPDATE SKIP LOCKED)
                   RETURNING mail_id, claim_no, message_id, detail""",
                {"lease": self._lease_s},
            ).fetchone()
        return Notice(*row) if row else None

    def _record(self, notice: Notice, answer: SendAnswer) -> None:
        """The answer; who was not taken is due again after a wait that grows with its claims."""
        wait_s = min(self._settings.wake_first_s * 2 ** min(notice.claim_no, 16), LONGEST_WAIT_S)
        match answer:
            case Sent():
                state, why = "sent", None
            case NotSent(why=told):
                state, why = "waiting", told
            case Rejected(why=told):
                state, why = "failed", told
                log.error("notice.rejected", error=told)
        with self._database.transaction() as tx:
            tx.execute(
                """UPDATE mails SET state = %(state)s, error = %(why)s, answered_at = now(),
                       claimed_until = now() + make_interval(secs => %(wait)s)
                   WHERE mail_id = %(mail)s AND claim_no = %(claim)s AND state <> 'sent'""",
                {"mail": notice.mail_id, "claim": notice.claim_no, "state": state, "why": why, "wait": wait_s},
            )
