"""The application: Stripe's routes, the payable page, the remote control."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request, Response

from sandbox import faults
from sandbox.stripe import api, control, page
from sandbox.stripe.desk import Desk
from sandbox.stripe.gate import refused
from sandbox.stripe.refusals import Refusal


def create_app(desk: Desk) -> FastAPI:
    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        desk.sender.start()
        yield
        desk.sender.stop()

    app = FastAPI(title="Stripe stand-in", lifespan=lifespan)
    app.state.desk = desk
    app.add_exception_handler(Refusal, _refused)
    app.get("/healthz")(_healthz)
    for router in (faults.router(desk.faults), control.router, page.router, api.router):
        app.include_router(router)
    return app


async def _healthz() -> dict[str, str]:
    return {"status": "ok"}


async def _refused(_request: Request, refusal: Exception) -> Response:
    if not isinstance(refusal, Refusal):
        raise refusal
    return refused(refusal)
