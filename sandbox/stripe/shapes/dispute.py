"""https://docs.stripe.com/api/disputes/object"""

from typing import Any

from sandbox.stripe.records import Dispute
from sandbox.stripe.shapes.money import transaction

_TEN_DAYS_S = 10 * 24 * 3600

_EVIDENCE: dict[str, Any] = {
    **dict.fromkeys(
        (
            "access_activity_log", "billing_address", "cancellation_policy", "cancellation_policy_disclosure",
            "cancellation_rebuttal", "customer_communication", "customer_email_address", "customer_name",
            "customer_purchase_ip", "customer_signature", "duplicate_charge_documentation",
            "duplicate_charge_explanation", "duplicate_charge_id", "product_description", "receipt",
            "refund_policy", "refund_policy_disclosure", "refund_refusal_explanation", "service_date",
            "service_documentation", "shipping_address", "shipping_carrier", "shipping_date",
            "shipping_documentation", "shipping_tracking_number", "uncategorized_file", "uncategorized_text",
        )
    ),
    "enhanced_evidence": {},
}  # fmt: skip


def dispute(record: Dispute) -> dict[str, Any]:
    return {
        "id": record.id,
        "object": record.object,
        "amount": record.amount,
        "balance_transactions": [transaction(entry) for entry in record.balance_transactions],
        "charge": record.charge,
        "created": record.created,
        "currency": record.currency,
        "enhanced_eligibility_types": [],
        "evidence": dict(_EVIDENCE),
        "evidence_details": {
            "due_by": record.created + _TEN_DAYS_S,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
            "submission_method": "not_submitted",
        },
        "is_charge_refundable": not record.blocks_refunds,
        "livemode": False,
        "metadata": {},
        "network_reason_code": "13.1",
        "payment_intent": record.payment_intent,
        "payment_method_details": {"type": "card", "card": _card(record)},
        "reason": record.reason,
        "status": record.status,
    }


def _card(record: Dispute) -> dict[str, Any]:
    inquiry = record.status.startswith("warning_")
    return {
        "brand": "visa",
        "case_type": "inquiry" if inquiry else "chargeback",
        "network": "visa",
        "network_reason_code": "13.1",
    }
