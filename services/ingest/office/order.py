"""One order with everything that is on record: its way, its pictures, its money, its mails, and what happens next."""

import re
from pathlib import Path
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response

from common import switches
from common.admin import audit, reading
from common.admin.desk import identify
from common.admin.telling import next_step
from common.database import Transaction
from common.storage import MissingFileError
from services.ingest.edge import Edge
from services.ingest.office.acts import ACTS
from services.ingest.office.gate import Signed
from services.ingest.office.rendering import page
from services.ingest.web.errors import ApiError
from services.ingest.web.files import StoredFile, serve

GOOD = {"completed", "paid", "mailed_ready", "refunded", "released", "link_renewed"}
BAD = {"failed", "check_failed", "result_gone", "stumbled", "mail_rejected", "refund_rejected", "timeout", "held"}

GONE = (Path(__file__).parents[1] / "static" / "gone.svg").read_bytes()
_RESULT = re.compile(r"([0-9]{1,6})\.([0-9]{1,6})")

router = APIRouter()


@router.get("/jobs/{key}")
def order(edge: Edge, request: Request, _session: Signed, key: str, done: str = "") -> Response:
    """`done`: the decision that led here, by its request id; what it came to is read from its record."""
    with edge.database.transaction() as tx:
        record = reading.record(tx, key)
        paused = [pause.what for pause in switches.paused(tx)]
        told = audit.find(tx, done) if done else None
    values = {
        "order": record,
        "next": next_step(record, paused),
        "history": _timeline(record["history"]),
        "pictures": _pictures(record),
        "told": told.told if told and told.job_id == record["job_id"] else "",
        "acts": ACTS.values(),
        "spent": sum(attempt["credits"] or 0 for attempt in record["attempts"]),
    }
    return page(request, "office_order.html", values)


@router.get("/jobs/{key}/pictures/{which}")
def picture(edge: Edge, request: Request, _session: Signed, key: str, which: str) -> Response:
    """A reduced copy: `source`, or the result of an attempt's claim (`2.1`). What was removed after the page was made
    (by a refund, for instance) is shown as gone.
    """
    with edge.database.transaction() as tx:
        found = _file(tx, identify(tx, key), which)
    if found is None:
        raise ApiError(404, "no_picture", "This picture was never kept.")
    file, removed = found
    try:
        size = 0 if removed else edge.storage.read(file, 0, 0).size
    except MissingFileError:
        size = 0
    if not size:
        return Response(GONE, media_type="image/svg+xml", headers={"Cache-Control": "no-store"})
    return serve(edge, request, StoredFile(file, size, _media_type(which)))


def _timeline(history: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each event with how it ended, how long after the one before, and what there is to say of it."""
    told: list[dict[str, Any]] = []
    for event in history:
        mood = "good" if event["kind"] in GOOD else "bad" if event["kind"] in BAD else "plain"
        detail = {name: value for name, value in event["detail"].items() if value not in (None, "", [])}
        passed_s = (event["at"] - told[-1]["at"]).total_seconds() if told else None
        told.append(event | {"mood": mood, "detail": detail, "passed_s": passed_s})
    return told


def _pictures(record: dict[str, Any]) -> list[dict[str, Any]]:
    """Every reduced copy that is kept, with what was found of the picture behind it."""
    found = [
        {"which": "source", "title": "Source", "width": s["width"], "height": s["height"], "size": s["file_size"],
         "type": s["media_type"], "score": None, "warnings": None}
        for s in record["sources"] if s["looked_at"] and not s["unfit"] and not s["removed_at"]
    ]  # fmt: skip
    found += [
        {"which": f"{d['attempt']}.{d['claim_no']}", "title": f"Result of attempt {d['attempt']}", "width": d["width"],
         "height": d["height"], "size": d["file_size"], "type": d["media_type"], "score": d["score"],
         "warnings": d["warnings"]}
        for d in record["deliveries"] if d["stored_at"] and d["preview_size"] and not d["removed_at"]
    ]  # fmt: skip
    return found


def _file(tx: Transaction, job_id: UUID, which: str) -> tuple[str, bool] | None:
    """The key of a reduced copy that was kept, and whether it is removed by now."""
    if which == "source":
        row = tx.execute(
            """SELECT reference_key, removed_at IS NOT NULL FROM sources
               WHERE job_id = %(job)s AND looked_at IS NOT NULL AND unfit IS NULL""",
            {"job": job_id},
        ).fetchone()
    else:
        named = _RESULT.fullmatch(which)
        if named is None:
            return None
        row = tx.execute(
            """SELECT replace(file_key, 'results/', 'previews/'), removed_at IS NOT NULL FROM deliveries
               WHERE job_id = %(job)s AND attempt = %(attempt)s AND claim_no = %(claim)s AND stored_at IS NOT NULL
                 AND preview_size IS NOT NULL""",
            {"job": job_id, "attempt": int(named[1]), "claim": int(named[2])},
        ).fetchone()
    return (str(row[0]), row[1]) if row else None


def _media_type(which: str) -> str:
    return "image/png" if which == "source" else "image/jpeg"
