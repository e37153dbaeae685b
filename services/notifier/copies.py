"""Copies for the operator: that a customer was told something, without the link and without the address."""

from decimal import Decimal

from common import notices
from common.database import Transaction
from common.jobs import Job
from services.notifier.mails import MailKey

WORDS = {
    "ready": "is delivered",
    "refunded": "is refunded",
    "expiring": "waits to be downloaded",
}


def tell(tx: Transaction, job: Job, key: MailKey, base_url: str) -> None:
    """Once for each mail that the server has taken; `services/notifier/notices.py` sends it."""
    width, height = job.result_size
    paid, back = (Decimal(cents) / 100 for cents in (job.charged_cents, job.refunded_cents))
    money = f"{paid:.2f} {job.currency.upper()} paid, {back:.2f} given back"
    notices.tell(
        tx,
        f"copy:{key.kind}:{key.about}:{key.number}",
        f"Order {job.ticket[3:11]} {WORDS[key.kind]}",
        f"The mail server has taken the mail '{key.kind}' for its customer.\n\n"
        f"{job.factor}x, {width} x {height} pixels; {money}.\n\n{base_url}/admin/jobs/{job.job_id}",
    )
