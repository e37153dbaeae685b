"""The inbox's page, its API and its ledger."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI, HTTPException, Request, Response
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles
from fastapi.templating import Jinja2Templates

from sandbox import faults
from sandbox.inbox import safety, smtp
from sandbox.inbox.mails import Mail, Mailbox
from sandbox.inbox.settings import Settings

HERE = Path(__file__).parent


def build(settings: Settings) -> FastAPI:
    """The application; its SMTP server listens while it runs."""
    mailbox = Mailbox()
    table = faults.FaultTable(smtp.FAULTS)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        server = await smtp.listen(mailbox, table, settings.sandbox_host, settings.sandbox_smtp_port)
        yield
        server.close()

    app = FastAPI(title="Inbox, a stand-in", lifespan=lifespan)
    app.mount("/static", StaticFiles(directory=HERE / "static"))
    app.include_router(pages(mailbox))
    app.include_router(api(mailbox))
    app.include_router(records(mailbox))
    app.include_router(faults.router(table))
    return app


def pages(mailbox: Mailbox) -> APIRouter:
    routes = APIRouter(include_in_schema=False)
    templates = Jinja2Templates(HERE / "templates")

    def page(request: Request, shown: Mail | None, to: str | None, *, chosen: bool) -> Response:
        mails = [mail.summary() for mail in reversed(mailbox.to(to))]
        values: dict[str, Any] = {"mails": mails, "mail": shown and shown.summary(), "chosen": chosen, "to": to}
        values |= {"may": safety.MAY, "last": mailbox.last_id}
        headers = safety.headers(safety.PAGE_POLICY)
        return templates.TemplateResponse(request, "inbox.html", values, headers=headers)

    @routes.get("/")
    async def newest(request: Request, to: str | None = None) -> Response:
        mails = mailbox.to(to)
        return page(request, mails[-1] if mails else None, to, chosen=False)

    @routes.get("/mails/{mail_id}")
    async def one(request: Request, mail_id: int, to: str | None = None) -> Response:
        return page(request, found(mailbox, mail_id), to, chosen=True)

    return routes


def api(mailbox: Mailbox) -> APIRouter:
    routes = APIRouter()

    @routes.get("/api/mails")
    async def mails(to: str | None = None) -> list[dict[str, Any]]:
        return [mail.summary() for mail in mailbox.to(to)]

    @routes.delete("/api/mails")
    async def empty() -> list[dict[str, Any]]:
        mailbox.mails.clear()
        return []

    @routes.get("/api/mails/{mail_id}")
    async def mail(mail_id: int) -> dict[str, Any]:
        return found(mailbox, mail_id).summary()

    @routes.get("/api/mails/{mail_id}/html")
    async def html(mail_id: int) -> Response:
        content = safety.links_open_outside(found(mailbox, mail_id).html_with_pictures())
        return HTMLResponse(content, headers=safety.headers(safety.MAIL_POLICY))

    @routes.get("/api/mails/{mail_id}/raw")
    async def raw(mail_id: int) -> Response:
        headers = safety.headers(safety.PART_POLICY)
        return Response(found(mailbox, mail_id).raw, media_type="text/plain; charset=utf-8", headers=headers)

    @routes.get("/api/mails/{mail_id}/parts/{number}")
    async def part(mail_id: int, number: int) -> Response:
        parts = found(mailbox, mail_id).parts
        if not 0 <= number < len(parts):
            raise HTTPException(404, f"mail {mail_id} has {len(parts)} parts; there is no part {number}")
        wanted = parts[number]
        headers = safety.headers(safety.PART_POLICY)
        if wanted.content_type in safety.SHOWN_INLINE:
            return Response(wanted.content, media_type=wanted.content_type, headers=headers)
        headers["Content-Disposition"] = "attachment"
        return Response(wanted.content, media_type="application/octet-stream", headers=headers)

    return routes


def records(mailbox: Mailbox) -> APIRouter:
    routes = APIRouter()

    @routes.get("/sandbox/ledger")
    async def ledger() -> dict[str, Any]:
        return {"attempts": [asdict(attempt) for attempt in mailbox.attempts]}

    @routes.get("/healthz")
    async def healthz() -> dict[str, Any]:
        return {"status": "ok", "mails": len(mailbox.mails), "last": mailbox.last_id}

    return routes


def found(mailbox: Mailbox, mail_id: int) -> Mail:
    mail = mailbox.find(mail_id)
    if mail is None:
        raise HTTPException(404, f"there is no mail {mail_id}")
    return mail
