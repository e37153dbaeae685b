"""One sample of every kind of mail: for looking at them (`./enlarger mails`) and for their tests."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from common.wording import REFUND_SHOWS, reason

SOON = datetime(2026, 3, 2, 10, tzinfo=UTC)
BASE = "https://pictures.example.com"
STATUS = {"status_url": f"{BASE}/jobs/tk_00000000000000000000000000000001", "ticket_short": "abcdefgh"}
LINK: Mapping[str, Any] = {
    **STATUS,
    "download_url": f"{BASE}/d/{'0123456789abcdef' * 4}",
    "width": 1600,
    "height": 1200,
    "factor": 4,
    "file_size": 3_100_000,
    "expires_at": SOON,
    "preview_url": f"{STATUS['status_url']}/after",
}


def samples(language: str) -> dict[str, dict[str, Any]]:
    """The values of a letter of each kind; `language` is its reader's."""
    return {
        "ready": dict(LINK),
        "expiring": dict(LINK),
        "refunded": {
            **STATUS,
            "reason": reason("timeout", language),
            "refunded_cents": 192,
            "currency": "usd",
            "shows": REFUND_SHOWS,
        },
        "refunded_in_part": {
            **STATUS,
            "cents": 50,
            "refunded_cents": 80,
            "charged_cents": 192,
            "currency": "usd",
            "shows": REFUND_SHOWS,
        },
        "attention": {
            "status_url": "",
            "job_id": "018f0000-0000-7000-8000-000000000001",
            "admin_url": f"{BASE}/admin/jobs/018f0000-0000-7000-8000-000000000001",
            "reasons": [
                {"reason": "payment_mismatch", "detail": "150 cents were paid, 192 asked", "since": SOON},
            ],
        },
        "address": {"confirm_url": f"{BASE}/address/{'0123456789abcdef' * 4}", "expires_at": SOON},
        "notice": {
            "subject": "80 % of this month's budget is spent",
            "paragraphs": [
                "8000 of 10000 cents are spent on enlargements in 2026-03 (BUDGET_MONTHLY_CENTS).",
                "As it went so far, the budget ends on 2026-03-26.",
            ],
        },
    }
