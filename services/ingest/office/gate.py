"""Who may enter: the session behind the cookie, and the token that every form carries.

A page of another site can neither read our pages (it never learns the token), nor send our cookie (SameSite=Strict).
"""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import quote

from fastapi import Depends, FastAPI, Request, Response
from fastapi.responses import RedirectResponse
from starlette.datastructures import UploadFile

from common.admin import Decision
from common.signing import Signer
from services.ingest.edge import Edge, Parts
from services.ingest.office import sessions
from services.ingest.office.rendering import PREFIX, page
from services.ingest.web.errors import ApiError

COOKIE = "enlarger_admin"
SIGN_IN = f"{PREFIX}/sign-in"
MOST_FIELDS = 16
_ONCE = re.compile("[0-9a-f-]{36}")
_FROM_HERE = {"same-origin", "none", None}  # Sec-Fetch-Site; None: a browser that does not say


class NotSignedInError(Exception):
    """There is no session: the way leads to the sign-in."""


class OtherSiteError(Exception):
    """A link on another site (a mail, for instance) led here, and browsers keep our cookie back for that."""


@dataclass(frozen=True, slots=True)
class Session:
    """Who is signed in. `form_token` stands in every form of theirs."""

    actor: str
    cookie: str
    form_token: str


@dataclass(frozen=True, slots=True)
class Posted:
    """A form that was sent by a page of this session."""

    session: Session
    fields: dict[str, str]
    file: UploadFile | None = None

    def text(self, name: str) -> str:
        """What was entered, without what surrounds it."""
        return self.fields.get(name, "").strip().replace("\0", "")

    @property
    def decision(self) -> Decision:
        """Who decides and why; the same form sent twice is one decision. Raises ApiError."""
        why, once = self.text("reason"), self.text("once")
        if len(why) > 1000 or (once and not _ONCE.fullmatch(once)):  # noqa: PLR2004 - as in the API
            raise ApiError(400, "invalid_request", "The reason is too long, or the form is not one of ours.")
        return Decision(self.session.actor, why, once or None)


def install(app: FastAPI) -> None:
    """What becomes of those who have no session."""

    @app.exception_handler(NotSignedInError)
    async def sign_in_first(request: Request, _error: NotSignedInError) -> Response:
        query = f"?{request.url.query}" if request.url.query else ""
        back = "" if request.method == "POST" else f"?next={quote(request.url.path + query, safe='/')}"
        return RedirectResponse(f"{SIGN_IN}{back}", 303)

    @app.exception_handler(OtherSiteError)
    async def once_more(request: Request, _error: OtherSiteError) -> Response:
        return page(request, "office_bounce.html", {})


def _session(edge: Edge, request: Request) -> Session:
    """Raises NotSignedInError, OtherSiteError."""
    cookie = request.cookies.get(COOKIE, "")
    if not cookie and request.method == "GET" and request.headers.get("sec-fetch-site") == "cross-site":
        raise OtherSiteError
    found = find(edge, cookie)
    if found is None:
        raise NotSignedInError
    request.state.session = found
    return found


def find(edge: Parts, cookie: str) -> Session | None:
    """The session of this cookie, while it goes on."""
    if not cookie or edge.settings.admin_token is None:
        return None
    with edge.database.transaction() as tx:
        actor = sessions.actor_of(tx, edge.settings, edge.signer, cookie)
    return Session(actor, cookie, edge.signer.sign("admin-form", cookie)) if actor is not None else None


Signed = Annotated[Session, Depends(_session)]


async def _posted(edge: Edge, request: Request, session: Signed) -> AsyncIterator[Posted]:
    """The form, read once the session is known: strangers send nothing that is kept. Raises ApiError 403."""
    async with request.form(max_files=1, max_fields=MOST_FIELDS) as form:
        fields = {name: value for name, value in form.items() if isinstance(value, str)}
        from_here(edge.signer, request, fields.get("form_token", ""), "admin-form", session.cookie)
        file = form.get("file")
        yield Posted(session, fields, file if isinstance(file, UploadFile) and file.size else None)


Form = Annotated[Posted, Depends(_posted)]


def from_here(signer: Signer, request: Request, token: str, domain: str, secret: str) -> None:
    """Only a form of our own page passes. Raises ApiError 403."""
    ours = bool(secret) and signer.verify(token, domain, secret)
    if not ours or request.headers.get("sec-fetch-site") not in _FROM_HERE:
        raise ApiError(403, "not_our_form", "This form is not one of ours, or is too old. Load its page again.")
