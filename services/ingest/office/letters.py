"""Dead letters: messages that could not be used, why, and what is done with them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from common.admin import RefusedError, letters
from common.admin.letters import document
from common.inspection import BrokerAwayError, Inspection, look
from services.ingest.edge import Edge, Parts
from services.ingest.office.gate import Form, Signed
from services.ingest.office.rendering import PREFIX, page
from services.ingest.web.errors import ApiError

MOST_CHOSEN = 200
DOES = {"replay": letters.replay, "drop": letters.drop}

router = APIRouter()


@router.get("/dead")
def dead(edge: Edge, request: Request, _session: Signed, done: int = 0, what: str = "") -> Response:
    with _broker(edge) as broker:
        found = [document(letter) for letter in broker.letters()]
    told = f"{done} published again" if what == "replay" else f"{done} thrown away" if what == "drop" else ""
    return page(request, "office_dead.html", {"letters": found, "told": told if done else ""})


@router.get("/dead/{verb}")
def ask(edge: Edge, request: Request, _session: Signed, verb: str) -> Response:
    """What is about to be done with which letters: `id`, one or several."""
    _known(verb)
    chosen = _chosen(request.query_params.getlist("id"))
    with _broker(edge) as broker:
        found = [document(letter) for letter in letters.chosen(broker, chosen)]
    return page(request, "office_dead_decide.html", {"letters": found, "verb": verb})


@router.post("/dead/{verb}")
def decide(edge: Edge, posted: Form, verb: str) -> Response:
    _known(verb)
    chosen = _chosen(posted.text("ids").split())
    with _broker(edge) as broker:
        DOES[verb](edge.database, broker, letters.chosen(broker, chosen), posted.decision)
    return RedirectResponse(f"{PREFIX}/dead?done={len(chosen)}&what={verb}", 303)


@contextmanager
def _broker(edge: Parts) -> Iterator[Inspection]:
    """Raises RefusedError while RabbitMQ is away."""
    try:
        with look(edge.settings.amqp_url) as broker:
            yield broker
    except BrokerAwayError as error:
        raise RefusedError("broker_away", f"RabbitMQ cannot be reached: {error}.") from error


def _known(verb: str) -> None:
    if verb not in DOES:
        raise ApiError(404, "not_found", "There is nothing at this address.")


def _chosen(ids: Sequence[str]) -> list[str]:
    if not 0 < len(ids) <= MOST_CHOSEN:
        raise RefusedError("none_named", f"Choose at least one dead letter, and at most {MOST_CHOSEN} at once.")
    return list(dict.fromkeys(ids))
