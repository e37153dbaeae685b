"""Signing in and out. The form is protected like any other: its token belongs to a cookie that its page was given."""

import hmac
import re
import secrets
from dataclasses import dataclass, replace

import structlog
from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse

from services.ingest.edge import Edge, Parts
from services.ingest.metrics import BAD_TOKENS
from services.ingest.office import sessions
from services.ingest.office.gate import COOKIE, MOST_FIELDS, SIGN_IN, Form, find, from_here
from services.ingest.office.rendering import PREFIX, page
from services.ingest.web.pace import client_of
from services.ingest.web.tokens import Guesses

FORM_COOKIE = "enlarger_sign_in"
FORM_S = 3600
GUESSES_PER_MIN = 5
_ACTOR = re.compile("[!-~ ]{1,80}")  # as X-Admin-Actor
_WAY_BACK = re.compile(r"/admin(?:/[\w./-]*)?(?:\?[!-\[\]-~]*)?")

WAIT = "Too many wrong tokens came from this address. Wait a minute, then try again."
NAMELESS = "Say who you are, in up to 80 plain letters: it stands beside every decision."

log = structlog.get_logger()
router = APIRouter()
_guesses = Guesses(GUESSES_PER_MIN)


@dataclass(frozen=True, slots=True)
class Try:
    """What was entered, and what is said to it."""

    way_back: str
    actor: str = ""
    told: str = ""
    status: int = 200


@router.get("/sign-in")
def form(edge: Edge, request: Request, next: str = PREFIX) -> Response:  # noqa: A002 - the address's word
    if find(edge, request.cookies.get(COOKIE, "")):
        return RedirectResponse(_back(next), 303)
    return _form(edge, request, Try(next))


@router.post("/sign-in")
async def sign_in(edge: Edge, request: Request) -> Response:
    """The cookie for whoever knows ADMIN_TOKEN; wrong tokens are soon not looked at any more."""
    async with request.form(max_files=0, max_fields=MOST_FIELDS) as sent:
        fields = {name: value for name, value in sent.items() if isinstance(value, str)}
    from_here(edge.signer, request, fields.get("form_token", ""), "admin-sign-in", request.cookies.get(FORM_COOKIE, ""))
    return await run_in_threadpool(_judge, edge, request, fields)  # it asks the database


@router.post("/sign-out")
def sign_out(edge: Edge, posted: Form) -> Response:
    with edge.database.transaction() as tx:
        sessions.end(tx, posted.session.cookie)
    answer = RedirectResponse(SIGN_IN, 303)
    _set(edge, answer, COOKIE, "", 0)
    return answer


def _judge(edge: Parts, request: Request, fields: dict[str, str]) -> Response:
    tried = Try(fields.get("next", ""), fields.get("actor", "").strip())
    client = client_of(request.scope, edge.settings.trusted_proxies)
    if wait_s := _guesses.wait_s(client):
        return _form(edge, request, replace(tried, told=WAIT, status=429), {"Retry-After": str(int(wait_s) + 1)})
    expected = edge.settings.admin_token.get_secret_value() if edge.settings.admin_token else ""
    if not expected or not hmac.compare_digest(fields.get("token", "").strip().encode(), expected.encode()):
        _guesses.wrong(client)
        BAD_TOKENS.inc()
        log.warning("admin.wrong_token")
        return _form(edge, request, replace(tried, told="This is not the token.", status=403))
    if not _ACTOR.fullmatch(tried.actor):
        return _form(edge, request, replace(tried, told=NAMELESS, actor="", status=400))
    with edge.database.transaction() as tx:
        cookie = sessions.begin(tx, edge.settings, edge.signer, tried.actor)
    log.info("admin.signed_in", actor=tried.actor)
    answer = RedirectResponse(_back(tried.way_back), 303)
    _set(edge, answer, COOKIE, cookie, round(edge.settings.admin_session_hours * 3600))
    return answer


def _form(edge: Parts, request: Request, tried: Try, headers: dict[str, str] | None = None) -> Response:
    secret = request.cookies.get(FORM_COOKIE) or secrets.token_hex(16)
    values = {
        "form_token": edge.signer.sign("admin-sign-in", secret),
        "next": _back(tried.way_back),
        "told": tried.told,
        "actor": tried.actor,
        "closed": edge.settings.admin_token is None,
    }
    answer = page(request, "office_sign_in.html", values, tried.status, headers)
    _set(edge, answer, FORM_COOKIE, secret, FORM_S)
    return answer


def _back(way: str) -> str:
    """Where the admin wanted to go; nowhere else than here."""
    return way if _WAY_BACK.fullmatch(way) and ".." not in way and not way.startswith(SIGN_IN) else PREFIX


def _set(edge: Parts, answer: Response, name: str, value: str, seconds: int) -> None:
    """For this site's own pages alone, never for a script; over TLS only, where there is any."""
    secure = edge.settings.public_url.startswith("https:")
    answer.set_cookie(name, value, seconds, path=PREFIX, secure=secure, httponly=True, samesite="strict")
