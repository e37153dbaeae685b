"""The work on a job, from the accepted submission to its final state; and the faults of the work."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from sandbox.faults import Fault, FaultTable
from sandbox.upsampler import outbound, pictures
from sandbox.upsampler.dialects import SPEECH
from sandbox.upsampler.jobs import Job, Ledger, Order, State, credits_for
from sandbox.upsampler.settings import Settings
from sandbox.upsampler.webhooks import Webhooks

QUEUED_SHARE = 0.2  # of the processing time
FAILED_TEXT = "The model could not process this picture"
SLOW_S = 10.0
CHANGE_OF_MIND_S = 2.0


class Work:
    """Opens jobs and works on them: two pictures at a time, any number of jobs waiting."""

    def __init__(self, settings: Settings, folder: Path, faults: FaultTable) -> None:
        self.settings = settings
        self.folder = folder
        self.faults = faults
        self.ledger = Ledger()
        self.webhooks = Webhooks(self.ledger, faults, settings.results_url)
        self._pool = ThreadPoolExecutor(2, thread_name_prefix="work")
        self._downloads = ThreadPoolExecutor(8, thread_name_prefix="download")
        self._tasks: set[asyncio.Task[None]] = set()

    def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        for pool in (self._pool, self._downloads):
            pool.shutdown(wait=False, cancel_futures=True)
        self.webhooks.close()

    async def open(self, order: Order, raw: str) -> Job:
        """Accept an order and look at its picture, for the price. A bad picture fails later, in the work."""
        job = Job(SPEECH[order.dialect].new_id(), order, raw)
        self.ledger.jobs[job.id] = job
        job.move(State.QUEUED)
        try:
            job.source_size = await self._in(self._downloads, self._look, job)
        except pictures.BadPictureError as error:
            job.problem = str(error)
        else:
            self._quote(job, *job.source_size)
        return job

    def _look(self, job: Job) -> tuple[int, int]:
        outbound.fetch(job.order.image_url, self.file(job, ".source"))
        return pictures.measure(self.file(job, ".source"))

    def _quote(self, job: Job, width: int, height: int) -> None:
        megapixels = width * height * job.order.factor**2 / 1e6
        if megapixels > self.settings.max_output_megapixels:
            most = self.settings.max_output_megapixels
            job.problem = f"the result would have {megapixels:g} megapixels; {most:g} is the most"
        else:
            job.quoted = credits_for(width, height, job.order.factor)

    def start(self, job: Job) -> None:
        self._spawn(self._run(job))

    def fail_at_once(self, job: Job) -> None:
        job.move(State.FAILED, FAILED_TEXT)
        self.file(job, ".source").unlink(missing_ok=True)
        self._spawn(self.webhooks.announce(job))

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            raise error  # the event loop reports it

    async def _run(self, job: Job) -> None:
        await asyncio.sleep(self.settings.seconds * QUEUED_SHARE)
        job.move(State.WORKING)
        await self.webhooks.forge(job)
        await asyncio.sleep(self.settings.seconds * (1 - QUEUED_SHARE))
        fault = self.faults.take(FAULTS, job.text)
        if fault:
            job.faults.append(fault.fault)
        await (FAULTS[fault.fault](self, job, fault) if fault else self.finish(job))
        self.file(job, ".source").unlink(missing_ok=True)

    async def finish(self, job: Job) -> None:
        """Really enlarge, then say so."""
        problem = job.problem or await self._in(self._pool, self._enlarge, job)
        job.move(State.FAILED if problem else State.DONE, problem)
        self._sweep()
        await self.webhooks.announce(job)

    def _enlarge(self, job: Job) -> str | None:
        """None, or why it could not be done."""
        source, png, jpeg = (self.file(job, suffix) for suffix in (".source", ".png", ".jpg"))
        try:
            pictures.enlarge(source, job.order.factor, png, jpeg)
        except pictures.BadPictureError as error:
            return str(error)
        return None

    async def fail(self, job: Job, fault: Fault) -> None:
        job.move(State.FAILED, str(fault.extra.get("error", FAILED_TEXT)))
        await self.webhooks.announce(job)

    async def slow(self, job: Job, fault: Fault) -> None:
        await asyncio.sleep(fault.lasting(SLOW_S))
        await self.finish(job)

    async def stick(self, job: Job, fault: Fault) -> None:
        """The job stays where it is for good."""

    async def fail_then_finish(self, job: Job, fault: Fault) -> None:
        await self.fail(job, fault)
        await asyncio.sleep(fault.lasting(CHANGE_OF_MIND_S))
        await self.finish(job)

    def file(self, job: Job, suffix: str) -> Path:
        return self.folder / (job.id + suffix)

    def _sweep(self) -> None:
        """Remove the results whose links are dead."""
        for job in self.ledger.jobs.values():
            if job.state is State.DONE and not job.result_is_alive(self.settings.result_ttl_s):
                for suffix in (".png", ".jpg"):
                    self.file(job, suffix).unlink(missing_ok=True)

    async def _in(self, pool: ThreadPoolExecutor, call: Callable[..., Any], *args: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(pool, call, *args)


FAULTS: dict[str, Callable[[Work, Job, Fault], Awaitable[None]]] = {
    "failed": Work.fail,
    "slow": Work.slow,
    "stuck": Work.stick,
    "failed_then_done": Work.fail_then_finish,
}
