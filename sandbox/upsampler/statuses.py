"""`GET /api/v1/status/{id}`: answers in the dialect that the job was submitted in."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.responses import JSONResponse

from sandbox.faults import Fault
from sandbox.serving import is_open
from sandbox.upsampler.dialects import SPEECH
from sandbox.upsampler.jobs import Job
from sandbox.upsampler.refusals import STATUS
from sandbox.upsampler.submissions import HANG_S, authorise, or_disconnect
from sandbox.upsampler.work import Work

UNKNOWN_WORD = "REVIEWING"


@dataclass(frozen=True)
class Check:
    """One status check for a job that exists."""

    request: Request
    work: Work
    job: Job
    fault: Fault | None = None

    def body(self) -> dict[str, Any]:
        url = f"{self.work.settings.results_url}/{self.job.id}"
        return SPEECH[self.job.order.dialect].status(self.job, url)

    async def plain(self) -> JSONResponse:
        return JSONResponse(self.body())

    async def refused(self) -> JSONResponse:
        return STATUS[self.fault.fault if self.fault else "status_404"].answer(self.fault)

    async def hang(self) -> JSONResponse:
        await or_disconnect(self.request, asyncio.sleep(self.fault.lasting(HANG_S) if self.fault else HANG_S))
        return await self.plain()

    async def unknown_word(self) -> JSONResponse:
        return JSONResponse(self.body() | {"status": UNKNOWN_WORD})


FAULTS: dict[str, Callable[[Check], Awaitable[JSONResponse]]] = {
    **dict.fromkeys(STATUS, Check.refused),
    "status_hang": Check.hang,
    "status_unknown": Check.unknown_word,
}


def router(work: Work) -> APIRouter:
    routes = APIRouter()

    @routes.get("/status/{job_id}")
    async def status(job_id: str, request: Request) -> Response:
        job = work.ledger.jobs.get(job_id)
        if refusal := authorise(request, work):
            answer, fault = refusal.answer(), None
        elif job is None:
            answer, fault = STATUS["status_404"].answer(), None
        else:
            fault = work.faults.take(FAULTS, job.text)
            check = Check(request, work, job, fault)
            answer = await (FAULTS[fault.fault](check) if fault else check.plain())
        delivered = answer.status_code if is_open(request) else None
        work.ledger.checked(job_id, delivered, fault.fault if fault else None)
        return answer

    return routes
