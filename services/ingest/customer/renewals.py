"""A link whose time is over: its page offers a fresh one, which goes to the order's own address and nowhere else."""

from uuid import UUID

import structlog
from fastapi import APIRouter, Response
from fastapi.responses import RedirectResponse

from common import disputed, jobs
from common.admin.audit import Decision
from common.admin.desk import Yes
from common.admin.verbs import Extend
from common.database import Transaction
from common.jobs import Job
from common.outcomes import Move
from common.signing import hash_token
from services.ingest.edge import Edge, Parts
from services.ingest.web.answers import refusals

ACTOR = "customer"
AGAIN_S = 3600.0  # one fresh link an hour: a button that is pressed twice, or by a machine, mails once

router = APIRouter(tags=["customer"])
log = structlog.get_logger()


@router.post("/d/{token}/renew", status_code=303, response_class=Response, responses=refusals(404, 410, 422, page=True))
def renew(edge: Edge, token: str) -> Response:
    """Mail a fresh link to the order's address, if its picture is still there. What is told is always the same."""
    with edge.database.transaction() as tx:
        job = _job_of(tx, token)
        move = _renewed(edge, tx, job) if job else None
        if job and move:
            jobs.apply(tx, edge.plans, ACTOR, [(job, move)])
            log.info("link.renewed", job_id=str(job.job_id))
    event = jobs.event_for(job._replace(stage=move.to), edge.plans) if job and move else None
    if event:
        edge.publisher.publish([event])
    return RedirectResponse(f"/d/{token}?sent=1", 303)


def address_for(edge: Parts, token: str) -> str | None:
    """Where a fresh link would go; None when there is no picture behind this one any more, or nobody to write to."""
    with edge.database.transaction() as tx:
        row = tx.execute(
            f"""SELECT j.email FROM links l JOIN jobs j USING (job_id)
               WHERE l.token_hash = %(hash)s AND j.status = 'completed' AND j.stage IN ('announce', 'remind', 'keep')
                 AND NOT {disputed.freezes("j.job_id")}
                 AND EXISTS (SELECT FROM deliveries d WHERE d.job_id = l.job_id AND d.stored_at IS NOT NULL
                             AND d.removed_at IS NULL)""",
            {"hash": hash_token(token)},
        ).fetchone()
    return str(row[0]) if row and row[0] else None


def _job_of(tx: Transaction, token: str) -> Job | None:
    row = tx.execute("SELECT job_id FROM links WHERE token_hash = %(hash)s", {"hash": hash_token(token)}).fetchone()
    return jobs.lock(tx, [row[0]]).get(row[0]) if row else None


def _renewed(edge: Parts, tx: Transaction, job: Job) -> Move | None:
    """None while the newest link still works, was made within the hour, or where an operator could make none either."""
    if not _over(tx, job.job_id):
        return None
    answer = Extend().decide(tx, job, Decision(ACTOR), edge.desk.tools)
    return answer.change if isinstance(answer, Yes) and isinstance(answer.change, Move) else None


def _over(tx: Transaction, job_id: UUID) -> bool:
    row = tx.execute(
        """SELECT bool_and(expires_at < now()) AND NOT EXISTS (
                      SELECT FROM job_events e WHERE e.job_id = %(job)s AND e.kind = 'link_renewed'
                      AND e.at > now() - make_interval(secs => %(again)s))
           FROM links WHERE job_id = %(job)s AND revoked_at IS NULL""",
        {"job": job_id, "again": AGAIN_S},
    ).fetchone()
    return bool(row and row[0])
