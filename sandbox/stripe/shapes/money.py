"""https://docs.stripe.com/api/refunds/object and https://docs.stripe.com/api/balance_transactions/object"""

from typing import Any

from sandbox.stripe.records import Refund, Transaction

_WEEK_S = 7 * 24 * 3600


def transaction(record: Transaction) -> dict[str, Any]:
    return {
        "id": record.id,
        "object": record.object,
        "amount": record.amount,
        "available_on": record.created + _WEEK_S,
        "balance_type": "payments",
        "created": record.created,
        "currency": record.currency,
        "description": record.description,
        "exchange_rate": None,
        "fee": record.fee,
        "fee_details": _fee_details(record),
        "net": record.amount - record.fee,
        "reporting_category": record.reporting_category,
        "source": record.source,
        "status": "pending",
        "type": record.type,
    }


def _fee_details(record: Transaction) -> list[dict[str, Any]]:
    if record.fee == 0:
        return []
    return [
        {
            "amount": record.fee,
            "application": None,
            "currency": record.currency,
            "description": record.fee_description,
            "type": "stripe_fee",
        }
    ]


def refund(record: Refund) -> dict[str, Any]:
    shape = {
        "id": record.id,
        "object": record.object,
        "amount": record.amount,
        "balance_transaction": record.balance_transaction,
        "charge": record.charge,
        "created": record.created,
        "currency": record.currency,
        "destination_details": _destination(record),
        "metadata": dict(record.metadata),
        "payment_intent": record.payment_intent,
        "reason": record.reason,
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": record.status,
        "transfer_reversal": None,
    }
    return shape | _exceptional(record)


def _exceptional(record: Refund) -> dict[str, Any]:
    """Fields that Stripe shows only in the states that they explain."""
    if record.status == "pending":
        return {"pending_reason": record.pending_reason}
    if record.status == "requires_action":
        sent = {"email_sent_at": record.created, "email_sent_to": record.email}
        details = {"email_sent": sent, "expires_at": record.created + _WEEK_S}
        return {"next_action": {"type": "display_details", "display_details": details}}
    if record.status == "failed":
        return {
            "failure_balance_transaction": record.failure_balance_transaction,
            "failure_reason": record.failure_reason,
        }
    return {}


def _destination(record: Refund) -> dict[str, Any]:
    if record.method == "us_bank_account":
        details = {"reference": None, "reference_status": "pending"}
        return {"type": "us_bank_transfer", "us_bank_transfer": details}
    reference: dict[str, Any] = {"reference_status": "pending", "reference_type": "acquirer_reference_number"}
    return {"type": "card", "card": {**reference, "type": "refund"}}
