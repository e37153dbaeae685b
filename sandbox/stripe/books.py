"""The books: who paid, who got money back, what is disputed. Stripe's rules stand here and nowhere else."""

from dataclasses import dataclass
from typing import Any, Literal

from sandbox.stripe import records
from sandbox.stripe.inputs import RefundCreate, SessionCreate
from sandbox.stripe.journal import Journal
from sandbox.stripe.records import NOBODY, Charge, Dispute, Intent, Method, Origin, Refund, Session, Transaction
from sandbox.stripe.refusals import Refusal
from sandbox.stripe.rules import CHARGEBACK, INQUIRY, REFUND_MOVES, charge_fee, exactly_one, expiry, one_currency, total
from sandbox.stripe.shapes import Shape, render

DISPUTE_FEE_CENTS = 1500


@dataclass(frozen=True)
class RefundPlan:
    """How the bank takes a refund; a fault may make it slow."""

    status: Literal["succeeded", "pending", "requires_action"] = "succeeded"
    pending_reason: str = "processing"


class Books:
    """In memory, behind one lock. Every change writes its events before the lock is given back.

    Methods answer Stripe's JSON as it stood then. They raise `Refusal`; a refused call changes nothing.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self.tables = journal.tables
        self.lock = journal.lock

    # Checkout

    def open_session(self, asked: SessionCreate, page_base: str) -> Shape:
        amount = total(asked, currency := one_currency(asked))
        with self.lock:
            stamp = self._journal.stamp(Session)
            session = Session(
                **stamp,
                asked=asked,
                amount=amount,
                currency=currency,
                expires_at=expiry(asked.expires_at, stamp["created"]),
                page_url=f"{page_base}/pay/{stamp['id']}",
            )
            return render(self.tables.add(session))

    def expire_session(self, session_id: str, origin: Origin = NOBODY) -> Shape:
        with self.lock:
            session = self._open(session_id, "expired")
            session.status = "expired"
            self._journal.emit("checkout.session.expired", session, origin)
            return render(session)

    def pay(self, session_id: str, email: str | None, method: Method = "card") -> Shape:
        """The customer's click. A bank debit completes the session unpaid; `settle` tells how it ended."""
        with self.lock:
            session = self._open(session_id, "paid")
            email = email or session.asked.customer_email
            if not email:
                raise Refusal(400, "An e-mail address is needed to pay.", "parameter_missing", "email")
            intent, charge = self._charge(session, email, method)
            session.status, session.payment_intent, session.email = "complete", intent.id, email
            if method == "card":
                self._collect(session, intent, charge)
                self._journal.emit("checkout.session.completed", session)
                self._journal.emit("payment_intent.succeeded", intent)
            else:
                self._journal.emit("checkout.session.completed", session)
                self._journal.emit("payment_intent.processing", intent)
            return render(session)

    def settle(self, session_id: str, *, succeeded: bool) -> Shape:
        with self.lock:
            session = self.tables.get(Session, session_id, param="session")
            intent = self.tables.get(Intent, session.payment_intent or "(none yet)", param="intent")
            charge = self.tables.get(Charge, intent.latest_charge)
            if intent.status != "processing":
                raise Refusal(400, f"The payment {intent.id} is {intent.status}; it awaits no settlement.")
            if succeeded:
                self._collect(session, intent, charge)
                self._journal.emit("checkout.session.async_payment_succeeded", session)
                self._journal.emit("payment_intent.succeeded", intent)
            else:
                charge.status, intent.status = "failed", "requires_payment_method"
                self._journal.emit("checkout.session.async_payment_failed", session)
                self._journal.emit("payment_intent.payment_failed", intent)
            return render(session)

    def _open(self, session_id: str, fate: str) -> Session:
        session = self.tables.get(Session, session_id, param="session")
        if session.status != "open":
            raise Refusal(
                400,
                f'Only Checkout Sessions with a status in ["open"] can be {fate}. '
                f"This Checkout Session has a status of {session.status}.",
            )
        return session

    def _charge(self, session: Session, email: str, method: Method) -> tuple[Intent, Charge]:
        data = session.asked.payment_intent_data
        payment_method = self._journal.new_id("pm_")
        money: dict[str, Any] = {"amount": session.amount, "currency": session.currency}
        stamp = self._journal.stamp(Intent)
        charge = Charge(
            **self._journal.stamp(Charge),
            **money,
            payment_intent=stamp["id"],
            payment_method=payment_method,
            method=method,
            email=email,
            description=data.description,
            metadata=dict(data.metadata),
            status="pending",
        )
        intent = Intent(
            **stamp,
            **money,
            asked=session.asked,
            method=method,
            payment_method=payment_method,
            secret=self._journal.new_id(""),
            status="processing",
            latest_charge=charge.id,
        )
        return self.tables.add(intent), self.tables.add(charge)

    def _collect(self, session: Session, intent: Intent, charge: Charge) -> None:
        session.payment_status, intent.status, charge.status = "paid", "succeeded", "succeeded"
        kind = "charge" if charge.method == "card" else "payment"
        entry = self._journal.enter(charge, charge.amount, kind, "charge", charge_fee(charge.amount))
        charge.balance_transaction = entry.id

    # Refunds

    def refund(self, asked: RefundCreate, plan: RefundPlan, origin: Origin = NOBODY) -> Shape:
        exactly_one(asked.payment_intent, asked.charge)
        with self.lock:
            charge = self._refundable(asked)
            amount = charge.left if asked.amount is None else asked.amount
            if amount > charge.left:
                text = f"Refund amount ({amount}) is greater than unrefunded amount on charge ({charge.left})"
                raise Refusal(400, text, None, "amount")
            refund = self.tables.add(self._new_refund(charge, amount, asked, plan))
            before = {"amount_refunded": charge.amount_refunded, "refunded": False}
            charge.amount_refunded += amount
            if refund.status == "succeeded":
                refund.balance_transaction = self._book_refund(refund, -amount, "refund").id
            self._journal.emit("refund.created", refund, origin)
            self._journal.emit("charge.refunded", charge, origin, previous=before)
            if refund.status == "succeeded":
                self._journal.emit("refund.updated", refund, origin, previous={})
            return render(refund)

    def move_refund(self, refund_id: str, status: records.RefundStatus, failure_reason: str | None = None) -> Shape:
        """The bank's later word on a refund. What failed or was cancelled may be refunded anew."""
        with self.lock:
            refund = self.tables.get(Refund, refund_id, param="refund")
            if status not in REFUND_MOVES.get(refund.status, ()):
                raise Refusal(400, f"The refund {refund.id} is {refund.status}; it cannot become {status}.")
            previous = {"status": refund.status}
            refund.status = status
            self._account_for(refund, failure_reason)
            self._journal.emit("refund.updated", refund, previous=previous)
            if status == "failed":
                self._journal.emit("refund.failed", refund, previous=previous)
            return render(refund)

    def _refundable(self, asked: RefundCreate) -> Charge:
        if asked.payment_intent:
            intent = self.tables.get(Intent, asked.payment_intent, param="payment_intent", in_path=False)
            charge = self.tables.get(Charge, intent.latest_charge)
        else:
            charge = self.tables.get(Charge, asked.charge or "", param="charge", in_path=False)
        if charge.status != "succeeded":
            text = f"This PaymentIntent ({charge.payment_intent}) does not have a successful charge to refund."
            raise Refusal(400, text, "payment_intent_unexpected_state", "payment_intent")
        if any(dispute.blocks_refunds for dispute in self._disputes(charge)):
            raise Refusal(400, f"Charge {charge.id} has been charged back; cannot issue a refund.", "charge_disputed")
        if charge.left == 0:
            raise Refusal(400, f"Charge {charge.id} has already been refunded.", "charge_already_refunded")
        return charge

    def _new_refund(self, charge: Charge, amount: int, asked: RefundCreate, plan: RefundPlan) -> Refund:
        return Refund(
            **self._journal.stamp(Refund),
            amount=amount,
            currency=charge.currency,
            charge=charge.id,
            payment_intent=charge.payment_intent,
            method=charge.method,
            email=charge.email,
            metadata=dict(asked.metadata),
            reason=asked.reason,
            status=plan.status,
            pending_reason=plan.pending_reason,
        )

    def _account_for(self, refund: Refund, failure_reason: str | None) -> None:
        if refund.status == "succeeded":
            refund.balance_transaction = self._book_refund(refund, -refund.amount, "refund").id
        if refund.status in ("failed", "canceled"):
            self.tables.get(Charge, refund.charge).amount_refunded -= refund.amount
        if refund.status == "failed":
            refund.failure_reason = failure_reason or "unknown"
            if refund.balance_transaction:
                undone = self._book_refund(refund, refund.amount, "refund_failure")
                refund.failure_balance_transaction = undone.id

    # Disputes

    def dispute(self, intent_id: str, status: records.DisputeStatus, reason: str) -> Shape:
        """A chargeback takes the money at once and fails what refunds were pending; an inquiry takes none."""
        with self.lock:
            intent = self.tables.get(Intent, intent_id, param="intent")
            charge = self.tables.get(Charge, intent.latest_charge)
            if any(other.status != "warning_closed" for other in self._disputes(charge)):
                raise Refusal(400, f"Charge {charge.id} is disputed already.")
            amount = self._disputable(charge, status)
            dispute = self.tables.add(
                Dispute(
                    **self._journal.stamp(Dispute),
                    amount=amount,
                    currency=charge.currency,
                    charge=charge.id,
                    payment_intent=intent.id,
                    status=status,
                    reason=reason,
                )
            )
            charge.disputed = True
            self._withdraw(dispute, "charge.dispute.created")
            return render(dispute)

    def escalate_dispute(self, dispute_id: str) -> Shape:
        """An inquiry becomes a chargeback: the bank takes what was not refunded meanwhile."""
        with self.lock:
            dispute = self._standing(dispute_id, INQUIRY, "escalated")
            charge = self.tables.get(Charge, dispute.charge)
            dispute.amount, dispute.status = self._disputable(charge, "needs_response"), "needs_response"
            self._withdraw(dispute, "charge.dispute.updated")
            return render(dispute)

    def review_dispute(self, dispute_id: str) -> Shape:
        """The merchant has sent its evidence: the bank looks at it, and the money stays where it is."""
        with self.lock:
            dispute = self._standing(dispute_id, (INQUIRY[0], CHARGEBACK[0]), "under review")
            before, inquiry = {"status": dispute.status}, dispute.status == INQUIRY[0]
            dispute.status = "warning_under_review" if inquiry else "under_review"
            self._journal.emit("charge.dispute.updated", dispute, previous=before)
            return render(dispute)

    def close_dispute(self, dispute_id: str, status: Literal["won", "lost", "warning_closed"]) -> Shape:
        with self.lock:
            dispute = self._standing(dispute_id, INQUIRY if status == "warning_closed" else CHARGEBACK, status)
            previous = {"status": dispute.status}
            dispute.status = status
            if status == "won":
                entry = self._journal.enter(dispute, dispute.amount, "adjustment", "dispute_reversal")
                dispute.balance_transactions.append(entry)
            self._journal.emit("charge.dispute.closed", dispute, previous=previous)
            if status == "won":
                self._journal.emit("charge.dispute.funds_reinstated", dispute)
            return render(dispute)

    def _standing(self, dispute_id: str, statuses: tuple[str, ...], fate: str) -> Dispute:
        dispute = self.tables.get(Dispute, dispute_id, param="dispute")
        if dispute.status not in statuses:
            raise Refusal(400, f"The dispute {dispute.id} is {dispute.status}; it cannot be {fate}.")
        return dispute

    def _withdraw(self, dispute: Dispute, event_type: str) -> None:
        """Emits the dispute's event and, when it takes money, the one of the withdrawal."""
        if dispute.status == "needs_response":
            entry = self._journal.enter(dispute, -dispute.amount, "adjustment", "dispute", DISPUTE_FEE_CENTS)
            dispute.balance_transactions.append(entry)
        self._journal.emit(event_type, dispute)
        if dispute.status == "needs_response":
            self._journal.emit("charge.dispute.funds_withdrawn", dispute)

    def _disputable(self, charge: Charge, status: records.DisputeStatus) -> int:
        """The cents that the bank may claim. A chargeback first fails the refunds that were still pending."""
        refunds = [refund for refund in self.tables.every(Refund) if refund.charge == charge.id]
        for refund in refunds:
            if status == "needs_response" and refund.status == "pending":
                self.move_refund(refund.id, "failed", "charge_for_pending_refund_disputed")
        if charge.status != "succeeded" or charge.left == 0:
            raise Refusal(400, f"Charge {charge.id} has no money to dispute.")
        return charge.left

    def _disputes(self, charge: Charge) -> list[Dispute]:
        return [dispute for dispute in self.tables.every(Dispute) if dispute.charge == charge.id]

    def _book_refund(self, refund: Refund, amount: int, kind: str) -> Transaction:
        wire_kind = "payment_refund" if (kind, refund.method) == ("refund", "us_bank_account") else kind
        return self._journal.enter(refund, amount, wire_kind, kind)
