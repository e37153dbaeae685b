"""Disputes: a row of their own, what they moved on the books, and the evidence that a person answers the bank with.

https://docs.stripe.com/api/disputes/object. An inquiry (`warning_…`) has moved no money and stops no refund.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from common import ledger
from common.attention import close_attention, raise_attention
from common.database import Transaction
from common.ledger import Account, Entry, Kind

REASON = "disputed"
# How far a dispute has come: an event that comes late takes nothing back.
ORDER = (
    "warning_needs_response", "warning_under_review", "warning_closed", "needs_response", "under_review",
    "prevented", "won", "lost",
)  # fmt: skip
CLOSED = {"warning_closed", "prevented", "won", "lost"}


@dataclass(frozen=True, slots=True)
class Dispute:
    """A dispute as Stripe tells it; `moves`: the lines of the balance that it has made so far."""

    dispute_id: str
    payment_intent: str | None
    state: str
    amount_cents: int
    currency: str
    reason: str
    due_by: datetime | None
    moves: tuple[Mapping[str, Any], ...]

    @property
    def open(self) -> bool:
        return self.state not in CLOSED


def dispute_of(body: Mapping[str, Any]) -> Dispute:
    """Read a dispute's JSON."""
    intent = body.get("payment_intent")
    due = (body.get("evidence_details") or {}).get("due_by")
    return Dispute(
        dispute_id=str(body["id"]),
        payment_intent=intent.get("id") if isinstance(intent, Mapping) else intent,
        state=str(body["status"]),
        amount_cents=int(body["amount"]),
        currency=str(body["currency"]).lower(),
        reason=str(body.get("reason") or "general"),
        due_by=datetime.fromtimestamp(due, UTC) if due else None,
        moves=tuple(body.get("balance_transactions") or ()),
    )


def learn(tx: Transaction, job_id: UUID, dispute: Dispute, *, revoke: bool) -> str | None:
    """Write a dispute on its row, book what it moved, tell a person; returns the state that is new, None for nothing.

    `revoke`: the download link of a disputed order is dead while it is open, and once it is lost (common/disputed.py).
    """
    ledger.book(tx, [entry for move in dispute.moves for entry in _entries(job_id, dispute, move)])
    row = tx.execute("SELECT state FROM disputes WHERE dispute_id = %s", [dispute.dispute_id]).fetchone()
    if row and _rank(row[0]) >= _rank(dispute.state):
        return None
    proof = evidence(tx, job_id, dispute)
    _write(tx, job_id, dispute, proof, revoke=revoke)
    if not dispute.open:
        close_attention(tx, [job_id], [REASON])
        return dispute.state
    raise_attention(tx, [(job_id, REASON, proof)])
    return dispute.state


def evidence(tx: Transaction, job_id: UUID, dispute: Dispute) -> str:
    """What we know that speaks for us, one fact a line, without personal data: history, delivery, downloads, mails."""
    due = f", answer due by {_minute(dispute.due_by)}" if dispute.due_by else ""
    lines = [f"{dispute.reason}: {dispute.amount_cents} cents {dispute.currency} ({dispute.dispute_id}){due}"]
    for sentence, statement in _EVIDENCE.items():
        lines += [sentence.format(*map(_told, row)) for row in tx.execute(statement, [job_id]).fetchall()]
    return "\n".join(lines)


def _entries(job_id: UUID, dispute: Dispute, move: Mapping[str, Any]) -> Sequence[Entry]:
    """A line of Stripe's balance: the amount (negative when it was taken) and the fee on it."""
    amount, fee = int(move["amount"]), int(move.get("fee") or 0)
    currency, name = str(move.get("currency") or dispute.currency).lower(), str(move["id"])
    made = [
        (f"dispute:{name}", Kind.DISPUTE, Account.DISPUTES, -amount),
        (f"dispute_fee:{name}", Kind.FEE, Account.FEES, fee),
    ]
    return [
        Entry(
            job_id,
            fact,
            kind,
            account if cents > 0 else Account.STRIPE,
            Account.STRIPE if cents > 0 else account,
            abs(cents),
            currency,
            dispute.payment_intent,
        )
        for fact, kind, account, cents in made
        if cents
    ]


def _write(tx: Transaction, job_id: UUID, dispute: Dispute, proof: str, *, revoke: bool) -> None:
    tx.execute(
        """INSERT INTO disputes AS d (dispute_id, job_id, payment_intent, state, amount_cents, currency, reason, due_by,
                                      evidence, revokes, closed_at)
           VALUES (%(id)s, %(job)s, %(intent)s, %(state)s, %(cents)s, %(currency)s, %(reason)s, %(due)s, %(evidence)s,
                   %(revokes)s, CASE WHEN %(open)s THEN NULL ELSE now() END)
           ON CONFLICT (dispute_id) DO UPDATE SET state = excluded.state, amount_cents = excluded.amount_cents,
               due_by = excluded.due_by, evidence = excluded.evidence, revokes = excluded.revokes,
               closed_at = excluded.closed_at""",
        {
            "id": dispute.dispute_id,
            "job": job_id,
            "intent": dispute.payment_intent,
            "state": dispute.state,
            "cents": dispute.amount_cents,
            "currency": dispute.currency,
            "reason": dispute.reason,
            "due": dispute.due_by,
            "evidence": proof,
            "revokes": revoke,
            "open": dispute.open,
        },
    )


def _rank(state: str) -> int:
    """A word that Stripe adds one day counts as an open dispute's first."""
    return ORDER.index(state) if state in ORDER else ORDER.index("needs_response")


def _minute(when: datetime) -> str:
    return f"{when.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _told(value: object) -> object:
    return _minute(value) if isinstance(value, datetime) else "never" if value is None else value


_EVIDENCE = {
    "ordered {}, paid {}: {} x {} pixels, {} times as large": """
        SELECT created_at, paid_at, source_width, source_height, factor FROM jobs WHERE job_id = %s""",
    "{}: {}": "SELECT at, kind FROM job_events WHERE job_id = %s ORDER BY event_id LIMIT 40",
    "delivered {}: {} x {} pixels, {}, {} bytes, sha256 {}": """
        SELECT stored_at, width, height, media_type, file_size, sha256 FROM deliveries
        WHERE job_id = %s AND stored_at IS NOT NULL ORDER BY stored_at""",
    "download link {}: served whole {} times, last {}; ends {}": """
        SELECT generation, downloads, last_download_at, expires_at FROM links WHERE job_id = %s ORDER BY generation""",
    "mail '{}' accepted by the mail server {}": """
        SELECT kind, answered_at FROM mails WHERE job_id = %s AND state = 'sent' AND kind <> 'attention'
        ORDER BY mail_id""",
}
