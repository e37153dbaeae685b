"""https://docs.stripe.com/api/checkout/sessions/object"""

from typing import Any

from sandbox.stripe.inputs import LineItem
from sandbox.stripe.records import Session

EMPTY_ADDRESS = dict.fromkeys(("city", "country", "line1", "line2", "postal_code", "state"))

# What a hosted one-time payment without taxes, shipping, discounts or a customer always says.
_UNUSED: dict[str, Any] = {
    **dict.fromkeys(
        (
            "after_expiration", "allow_promotion_codes", "billing_address_collection", "client_secret",
            "collected_information", "consent", "consent_collection", "currency_conversion", "customer",
            "customer_account", "integration_identifier", "invoice", "origin_context", "payment_link",
            "payment_method_configuration_details", "permissions", "recovered_from",
            "saved_payment_method_options", "setup_intent", "shipping_address_collection", "shipping_cost",
            "subscription", "wallet_options",
        )
    ),
    "adaptive_pricing": {"enabled": False},
    "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
    "custom_fields": [],
    "custom_text": dict.fromkeys(
        ("after_submit", "shipping_address", "submit", "terms_of_service_acceptance")
    ),
    "discounts": [],
    "invoice_creation": {
        "enabled": False,
        "invoice_data": {
            **dict.fromkeys(
                ("account_tax_ids", "custom_fields", "description", "footer", "issuer", "rendering_options")
            ),
            "metadata": {},
        },
    },
    "livemode": False,
    "payment_method_collection": "if_required",
    "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
    "phone_number_collection": {"enabled": False},
    "shipping_options": [],
    "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
}  # fmt: skip


def session(record: Session) -> dict[str, Any]:
    asked = record.asked
    return {
        **_UNUSED,
        "id": record.id,
        "object": record.object,
        "amount_subtotal": record.amount,
        "amount_total": record.amount,
        "cancel_url": asked.cancel_url,
        "client_reference_id": asked.client_reference_id,
        "created": record.created,
        "currency": record.currency,
        "customer_creation": asked.customer_creation,
        "customer_details": _customer_details(record),
        "customer_email": asked.customer_email,
        "expires_at": record.expires_at,
        "locale": asked.locale,
        "metadata": dict(asked.metadata),
        "mode": asked.mode,
        "payment_intent": record.payment_intent,
        "payment_method_types": list(asked.payment_method_types),
        "payment_status": record.payment_status,
        "status": record.status,
        "submit_type": asked.submit_type,
        "success_url": asked.success_url,
        "ui_mode": asked.ui_mode,
        "url": record.page_url if record.status == "open" else None,
    }


def _customer_details(record: Session) -> dict[str, Any] | None:
    """Null until an address is known, from the request or from the page."""
    email = record.email or record.asked.customer_email
    if email is None:
        return None
    paid = record.email is not None
    return {
        "address": dict(EMPTY_ADDRESS) if paid else None,
        "business_name": None,
        "email": email,
        "individual_name": None,
        "name": None,
        "phone": None,
        "tax_exempt": "none",
        "tax_ids": [] if paid else None,
    }


def line_items(record: Session) -> dict[str, Any]:
    """Only on request (`expand[]=line_items`), as at Stripe."""
    items = [_line_item(record, number, item) for number, item in enumerate(record.asked.line_items)]
    url = f"/v1/checkout/sessions/{record.id}/line_items"
    return {"object": "list", "url": url, "has_more": False, "data": items}


def _line_item(record: Session, number: int, item: LineItem) -> dict[str, Any]:
    stem = f"{record.id.removeprefix('cs_test_')[:20]}{number}"
    total = item.price_data.unit_amount * item.quantity
    return {
        "id": f"li_{stem}",
        "object": "item",
        "adjustable_quantity": None,
        "amount_discount": 0,
        "amount_subtotal": total,
        "amount_tax": 0,
        "amount_total": total,
        "currency": record.currency,
        "description": item.price_data.product_data.name,
        "metadata": {},
        "price": _price(record, stem, item.price_data.unit_amount),
        "quantity": item.quantity,
    }


def _price(record: Session, stem: str, unit_amount: int) -> dict[str, Any]:
    return {
        "id": f"price_{stem}",
        "object": "price",
        "active": False,
        "billing_scheme": "per_unit",
        "created": record.created,
        "currency": record.currency,
        "custom_unit_amount": None,
        "livemode": False,
        "lookup_key": None,
        "metadata": {},
        "nickname": None,
        "product": f"prod_{stem}",
        "recurring": None,
        "tax_behavior": "unspecified",
        "tiers_mode": None,
        "transform_quantity": None,
        "type": "one_time",
        "unit_amount": unit_amount,
        "unit_amount_decimal": str(unit_amount),
    }
