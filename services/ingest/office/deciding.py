"""A decision about an order in two steps: what it would do, and then, with a reason, that it is done."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import uuid4

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from common.admin import Complete, Decision, RefusedError, handing, reading
from common.admin.desk import Done, No
from services.ingest.edge import Edge, Parts
from services.ingest.office.acts import ACTS, Act
from services.ingest.office.gate import Form, Posted, Signed
from services.ingest.office.rendering import PREFIX, page
from services.ingest.web.errors import ApiError

router = APIRouter()


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, with what was entered before and why that did not do."""

    act: Act
    entered: Mapping[str, str] = field(default_factory=dict)
    refused: str = ""


@router.get("/jobs/{key}/{verb}")
def ask(edge: Edge, request: Request, _session: Signed, key: str, verb: str) -> Response:
    return _asked(edge, request, key, Question(_act(verb)))


@router.post("/jobs/{key}/{verb}")
def decide(edge: Edge, request: Request, posted: Form, key: str, verb: str) -> Response:
    act = _act(verb)
    made = posted.decision
    made = made if made.request_id else replace(made, request_id=str(uuid4()))
    try:
        done = _carried_out(edge, act, key, posted, made)
    except RefusedError as refused:
        if refused.code == "unknown_order":
            raise
        return _asked(edge, request, key, Question(act, posted.fields, str(refused)))
    return RedirectResponse(f"{PREFIX}/jobs/{done.job_id}?done={made.request_id}", 303)


def _act(verb: str) -> Act:
    if verb not in ACTS:
        raise ApiError(404, "not_found", "There is nothing at this address.")
    return ACTS[verb]


def _asked(edge: Parts, request: Request, key: str, question: Question) -> Response:
    act = question.act
    with edge.database.transaction() as tx:
        order = reading.record(tx, key)
    would = edge.desk.would(act.blank, key, Decision("nobody")) if act.blank else None
    values: dict[str, Any] = {
        "act": act,
        "order": order,
        "entered": question.entered,
        "refused": question.refused,
        "forbidden": would.why if isinstance(would, No) else "",
        "would": "" if would is None or isinstance(would, No) else would.told,
        "once": str(uuid4()),
    }
    return page(request, "office_decide.html", values, 409 if question.refused else 200)


def _carried_out(edge: Parts, act: Act, key: str, posted: Posted, made: Decision) -> Done:
    if act.make:
        return edge.desk.act(act.make(posted), key, made)
    url = posted.text("url")
    if bool(url) == bool(posted.file):
        raise RefusedError("no_picture", "Choose either a file or an address.")
    if posted.file:
        return edge.desk.act(Complete(posted.file.file), key, made)
    with tempfile.TemporaryFile() as target:
        try:
            handing.fetch(url, edge.settings.outbound_allow, target)
        except handing.UnfetchableError as error:
            raise RefusedError("picture_refused", f"The picture cannot be had: {error}.") from error
        target.seek(0)
        return edge.desk.act(Complete(target), key, made)
