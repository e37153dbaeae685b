"""The provider's HTTP face, put together."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from sandbox import faults
from sandbox.upsampler import results, statuses, submissions, webhooks, work
from sandbox.upsampler.settings import Settings

FAULTS = {*submissions.FAULTS, *work.FAULTS, *webhooks.FAULTS, *statuses.FAULTS, *results.FAULTS}


def build(settings: Settings, folder: Path) -> FastAPI:
    """The application; results lie in `folder`."""
    table = faults.FaultTable(FAULTS)
    bench = work.Work(settings, folder, table)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        bench.close()

    app = FastAPI(title="Upsampler, a stand-in", lifespan=lifespan)
    app.include_router(submissions.router(bench), prefix="/api/v1")
    app.include_router(statuses.router(bench), prefix="/api/v1")
    app.include_router(results.router(bench))
    app.include_router(faults.router(table))

    @app.get("/sandbox/ledger")
    async def ledger() -> dict[str, Any]:
        return bench.ledger.view()

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    return app
