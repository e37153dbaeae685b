"""https://docs.stripe.com/api/payment_intents/object and https://docs.stripe.com/api/charges/object"""

from typing import Any

from sandbox.stripe.records import Charge, Intent, Method
from sandbox.stripe.shapes.checkout import EMPTY_ADDRESS

FAILURE_CODE = "payment_intent_payment_attempt_failed"
FAILURE_MESSAGE = "The payment failed: the customer's bank did not debit the account."

_INTENT_UNUSED: dict[str, Any] = {
    **dict.fromkeys(
        (
            "application", "application_fee_amount", "automatic_payment_methods", "canceled_at",
            "cancellation_reason", "customer", "customer_account", "next_action", "on_behalf_of",
            "payment_method_configuration_details", "processing", "review", "setup_future_usage", "shipping",
            "source", "transfer_data", "transfer_group",
        )
    ),
    "amount_capturable": 0,
    "amount_details": {"tip": {}},
    "capture_method": "automatic_async",
    "confirmation_method": "automatic",
    "livemode": False,
    "payment_method_options": {
        "card": {
            "installments": None,
            "mandate_options": None,
            "network": None,
            "request_three_d_secure": "automatic",
        }
    },
}  # fmt: skip

_CHARGE_UNUSED: dict[str, Any] = {
    **dict.fromkeys(
        (
            "application", "application_fee", "application_fee_amount", "customer",
            "failure_balance_transaction", "on_behalf_of", "receipt_number", "review", "shipping", "source",
            "source_transfer", "statement_descriptor", "statement_descriptor_suffix", "transfer_data",
            "transfer_group",
        )
    ),
    "calculated_statement_descriptor": "ENLARGER SANDBOX",
    "fraud_details": {},
    "livemode": False,
    "radar_options": {},
}  # fmt: skip

_CARD = {
    "amount_authorized": None,
    "authorization_code": "424242",
    "brand": "visa",
    "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"},
    "country": "US",
    "exp_month": 12,
    "exp_year": 2034,
    "extended_authorization": {"status": "disabled"},
    "fingerprint": "Sandbox424242424",
    "funding": "credit",
    "incremental_authorization": {"status": "unavailable"},
    "installments": None,
    "last4": "4242",
    "mandate": None,
    "multicapture": {"status": "unavailable"},
    "network": "visa",
    "network_token": {"used": False},
    "network_transaction_id": "104262684213204",
    "overcapture": {"maximum_amount_capturable": 0, "status": "unavailable"},
    "regulated_status": "unregulated",
    "three_d_secure": None,
    "wallet": None,
}

_BANK_ACCOUNT = {
    "account_holder_type": "individual",
    "account_type": "checking",
    "bank_name": "STRIPE TEST BANK",
    "expected_debit_date": None,
    "fingerprint": "Sandbox000123456",
    "last4": "6789",
    "mandate": None,
    "payment_reference": None,
    "routing_number": "110000000",
}


def intent(record: Intent) -> dict[str, Any]:
    data = record.asked.payment_intent_data
    return {
        **_INTENT_UNUSED,
        "id": record.id,
        "object": record.object,
        "amount": record.amount,
        "amount_received": record.amount if record.status == "succeeded" else 0,
        "client_secret": f"{record.id}_secret_{record.secret}",
        "created": record.created,
        "currency": record.currency,
        "description": data.description,
        "last_payment_error": _last_error(record),
        "latest_charge": record.latest_charge,
        "metadata": dict(data.metadata),
        "payment_method": None if record.status == "requires_payment_method" else record.payment_method,
        "payment_method_types": list(record.asked.payment_method_types),
        "receipt_email": data.receipt_email,
        "statement_descriptor": data.statement_descriptor,
        "statement_descriptor_suffix": data.statement_descriptor_suffix,
        "status": record.status,
    }


def _last_error(record: Intent) -> dict[str, Any] | None:
    if record.status != "requires_payment_method":
        return None
    return {
        "charge": record.latest_charge,
        "code": FAILURE_CODE,
        "message": FAILURE_MESSAGE,
        "type": "invalid_request_error",
    }


def charge(record: Charge) -> dict[str, Any]:
    failed = record.status == "failed"
    return {
        **_CHARGE_UNUSED,
        "id": record.id,
        "object": record.object,
        "amount": record.amount,
        "amount_captured": 0 if failed else record.amount,
        "amount_refunded": record.amount_refunded,
        "balance_transaction": record.balance_transaction,
        "billing_details": {
            "address": dict(EMPTY_ADDRESS),
            "email": record.email,
            "name": None,
            "phone": None,
            "tax_id": None,
        },
        "captured": not failed,
        "created": record.created,
        "currency": record.currency,
        "description": record.description,
        "disputed": record.disputed,
        "failure_code": FAILURE_CODE if failed else None,
        "failure_message": FAILURE_MESSAGE if failed else None,
        "metadata": dict(record.metadata),
        "outcome": _outcome(record),
        "paid": record.status == "succeeded",
        "payment_intent": record.payment_intent,
        "payment_method": record.payment_method,
        "payment_method_details": _method_details(record.method),
        "receipt_email": None,
        "receipt_url": f"https://pay.stripe.com/receipts/payment/{record.id}",
        "refunded": record.amount_refunded == record.amount,
        "status": record.status,
    }


def _method_details(method: Method) -> dict[str, Any]:
    return {"type": method, method: dict(_CARD if method == "card" else _BANK_ACCOUNT)}


def _outcome(record: Charge) -> dict[str, Any]:
    failed = record.status == "failed"
    return {
        "advice_code": None,
        "network_advice_code": None,
        "network_decline_code": None,
        "network_status": "declined_by_network" if failed else "approved_by_network",
        "reason": "generic_decline" if failed else None,
        "risk_level": "normal",
        "risk_score": 12,
        "seller_message": "The bank did not debit the account." if failed else "Payment complete.",
        "type": "issuer_declined" if failed else "authorized",
    }
