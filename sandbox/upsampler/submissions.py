"""`POST /api/v1/precise-upscale`, both dialects, and what can go wrong with a submission."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from sandbox.faults import Fault
from sandbox.serving import BrokenOff, disconnected, is_open
from sandbox.upsampler.dialects import SPEECH, NotUnderstoodError, understand
from sandbox.upsampler.jobs import Answer, Job
from sandbox.upsampler.refusals import SUBMISSION, Refusal
from sandbox.upsampler.work import Work

HANG_S = 60.0
REFUSE = "refuse"


class Told(JSONResponse):
    """The answer to a submission; the ledger learns whether the client was still there for it."""

    def __init__(self, submission: "Submission") -> None:
        job, work = submission.job, submission.work
        super().__init__(SPEECH[job.order.dialect].submitted(job, work.settings.seconds))
        self._job = job

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        delivered = is_open(Request(scope))
        self._job.answer = Answer.DELIVERED if delivered else Answer.LOST
        await super().__call__(scope, receive, send)


@dataclass(frozen=True)
class Submission:
    """One accepted submission on its way to an answer."""

    request: Request
    work: Work
    job: Job
    fault: Fault | None

    async def answer_lost(self) -> Response:
        self.work.start(self.job)
        self.job.answer = Answer.LOST
        return BrokenOff()

    async def failed_at_once(self) -> Response:
        self.work.fail_at_once(self.job)
        return Told(self)

    async def garbage(self) -> Response:
        self.work.start(self.job)
        self.job.answer = Answer.GARBLED
        return Response('{"id": "' + self.job.id[:8], media_type="application/json")

    async def hang(self) -> Response:
        self.work.start(self.job)
        await or_disconnect(self.request, asyncio.sleep(self.fault.lasting(HANG_S) if self.fault else HANG_S))
        return Told(self)

    async def plain(self) -> Response:
        self.work.start(self.job)
        return Told(self)

    async def webhook_early(self) -> Response:
        self.work.start(self.job)
        await or_disconnect(self.request, self.job.announced.wait())
        return Told(self)


ANSWERS: dict[str, Callable[[Submission], Awaitable[Response]]] = {
    "answer_lost": Submission.answer_lost,
    "failed_at_once": Submission.failed_at_once,
    "garbage": Submission.garbage,
    "hang": Submission.hang,
    "webhook_early": Submission.webhook_early,
}
FAULTS = {*ANSWERS, *SUBMISSION, REFUSE}


def router(work: Work) -> APIRouter:
    routes = APIRouter()

    @routes.post("/precise-upscale")
    async def submit(request: Request) -> Response:
        raw = await request.body()
        text = raw.decode(errors="replace")
        if refusal := authorise(request, work):
            work.ledger.refused(refusal.status, str(refusal.error), text)
            return refusal.answer()
        try:
            order = understand(raw)
        except NotUnderstoodError as error:
            work.ledger.refused(400, str(error), text)
            return Refusal(400, str(error)).answer()
        fault = work.faults.take(FAULTS, f"{text}\n{order.image_url}\n{order.webhook_url}")
        if fault and fault.fault not in ANSWERS:
            return _refuse(work, fault, text)
        job = await work.open(order, text)
        if fault:
            job.faults.append(fault.fault)
        answer = ANSWERS[fault.fault] if fault else Submission.plain
        return await answer(Submission(request, work, job, fault))

    return routes


def _refuse(work: Work, fault: Fault, text: str) -> Response:
    """Not accepted: an error answer, or for `refuse` a connection closed without one."""
    refusal = SUBMISSION.get(fault.fault)
    status, reason = (refusal.status, str(refusal.error)) if refusal else (None, "connection closed")
    work.ledger.refused(status, reason, text, fault.fault)
    return refusal.answer(fault) if refusal else BrokenOff()


def authorise(request: Request, work: Work) -> Refusal | None:
    """401 unless the bearer is `UPSAMPLER_API_KEY`, in either dialect."""
    expected = f"Bearer {work.settings.api_key.get_secret_value()}"
    return None if request.headers.get("authorization") == expected else SUBMISSION["http_401"]


async def or_disconnect(request: Request, awaited: Coroutine[Any, Any, object]) -> None:
    """Return when this is over, when the client gives up, or when the stand-in is stopped meanwhile.

    Whoever still waits when it is stopped gets no answer: the server would make it a 500.
    """
    tasks = [asyncio.create_task(awaited), asyncio.create_task(disconnected(request.receive))]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    except asyncio.CancelledError:
        request.state.transport.close()
    finally:
        for task in tasks:
            task.cancel()
