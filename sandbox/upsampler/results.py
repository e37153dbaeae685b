"""`GET /results/{id}.png|.jpg`: the results while they live, and what can go wrong with a download."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from fastapi import APIRouter, Request, Response
from starlette.background import BackgroundTask
from starlette.responses import FileResponse, HTMLResponse, RedirectResponse, StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from sandbox.faults import Fault
from sandbox.serving import BrokenOff, is_open
from sandbox.upsampler import bombs, pictures
from sandbox.upsampler.jobs import Job, now
from sandbox.upsampler.refusals import Refusal
from sandbox.upsampler.work import Work

MEDIA = {"png": "image/png", "jpg": "image/jpeg"}
GONE = Refusal(404, "No such result")
CUT_AT = 0.6
DRIP_S = 60.0
DRIPS = 40
ENDLESS_CAP_BYTES = 1 << 30
BLOCK = bytes(1 << 16)
NOT_AN_IMAGE = "<!doctype html><title>Sign in</title><h1>Please sign in to continue</h1>"


class Counted(Response):
    """Another response, with a line in the ledger that says how many bytes of its body went out."""

    def __init__(self, inner: Response, line: dict[str, Any]) -> None:
        super().__init__()
        self._inner = inner
        self._line = line

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)

        async def counting(message: Message) -> None:
            if is_open(request):
                self._count(message)
            await send(message)

        if isinstance(self._inner, BrokenOff):
            self._line.update(status=200, bytes_sent=len(self._inner.payload))
        await self._inner(scope, receive, counting)

    def _count(self, message: Message) -> None:
        line = self._line
        if message["type"] == "http.response.start":
            line["status"] = message["status"]
            return
        line["bytes_sent"] += len(message.get("body", b""))
        line["complete"] = not message.get("more_body", False)


@dataclass(frozen=True)
class Download:
    """One download of a result that is alive."""

    work: Work
    job: Job
    file: Path
    fault: Fault

    @property
    def media_type(self) -> str:
        return MEDIA[self.file.suffix[1:]]

    async def truncated(self) -> Response:
        """Cut, although the Content-Length is that of the whole."""
        return self._cut(f"Content-Length: {self.file.stat().st_size}\r\n")

    async def truncated_quietly(self) -> Response:
        """Cut, and no length nor chunks by which anybody could tell."""
        return self._cut("")

    def _cut(self, length: str) -> Response:
        head = f"HTTP/1.1 200 OK\r\nContent-Type: {self.media_type}\r\n{length}Connection: close\r\n\r\n"
        whole = self.file.read_bytes()
        return BrokenOff(head.encode(), whole[: int(len(whole) * CUT_AT)])

    async def wrong_size(self) -> Response:
        return await self._remade(pictures.one_column_short)

    async def wrong_picture(self) -> Response:
        return await self._remade(pictures.another_picture)

    async def _remade(self, make: Callable[[Path, Path], None]) -> Response:
        target = self.file.with_name(f"{self.file.stem}.remade-{id(self):x}{self.file.suffix}")
        await asyncio.to_thread(make, self.file, target)
        return FileResponse(target, media_type=self.media_type, background=BackgroundTask(target.unlink))

    async def not_an_image(self) -> Response:
        return HTMLResponse(NOT_AN_IMAGE)

    async def missing(self) -> Response:
        return GONE.answer()

    async def slow_drip(self) -> Response:
        """The whole file, evenly over `seconds`."""
        headers = {"Content-Length": str(self.file.stat().st_size)}
        return StreamingResponse(self._drip(), headers=headers, media_type=self.media_type)

    async def _drip(self) -> AsyncIterator[bytes]:
        whole = self.file.read_bytes()
        step = -(-len(whole) // DRIPS)
        for start in range(0, len(whole), step):
            await asyncio.sleep(self.fault.lasting(DRIP_S) / DRIPS)
            yield whole[start : start + step]

    async def endless(self) -> Response:
        """The file, then nothing but zeros, up to `bytes` in all."""
        return StreamingResponse(self._stream(), media_type=self.media_type)

    async def _stream(self) -> AsyncIterator[bytes]:
        yield self.file.read_bytes()
        left = int(self.fault.extra.get("bytes", ENDLESS_CAP_BYTES)) - self.file.stat().st_size
        while left > 0:
            yield BLOCK[:left]
            left -= len(BLOCK)

    async def png_bomb(self) -> Response:
        """A small file that claims 60,000 x 60,000 pixels."""
        return Response(bombs.png(), media_type="image/png")

    async def gzip_bomb(self) -> Response:
        """A gigabyte of zeros for whoever unpacks it."""
        return Response(bombs.gzipped(), media_type=self.media_type, headers={"Content-Encoding": "gzip"})

    async def redirect(self) -> Response:
        return RedirectResponse("http://127.0.0.1:1/", 302)


FAULTS: dict[str, Callable[[Download], Awaitable[Response]]] = {
    "truncated": Download.truncated,
    "truncated_quiet": Download.truncated_quietly,
    "wrong_size": Download.wrong_size,
    "wrong_picture": Download.wrong_picture,
    "not_an_image": Download.not_an_image,
    "result_404": Download.missing,
    "slow_drip": Download.slow_drip,
    "endless": Download.endless,
    "png_bomb": Download.png_bomb,
    "gzip_bomb": Download.gzip_bomb,
    "redirect": Download.redirect,
}


def router(work: Work) -> APIRouter:
    routes = APIRouter()

    @routes.get("/results/{job_id}.{suffix}")
    async def result(job_id: str, suffix: Literal["png", "jpg"]) -> Response:
        job = work.ledger.jobs.get(job_id)
        recorded = partial(_recorded, work, f"{job_id}.{suffix}")
        if job is None or not job.result_is_alive(work.settings.result_ttl_s):
            return recorded(GONE.answer())
        file = work.file(job, f".{suffix}")
        fault = work.faults.take(FAULTS, f"{job.text}\n{file.name}")
        if fault is None:
            return recorded(FileResponse(file, media_type=MEDIA[suffix]))
        return recorded(await FAULTS[fault.fault](Download(work, job, file, fault)), fault)

    return routes


def _recorded(work: Work, name: str, answer: Response, fault: Fault | None = None) -> Response:
    line = {"at": now(), "id": name.rpartition(".")[0], "file": name, "fault": fault.fault if fault else None}
    line |= {"status": None, "bytes_sent": 0, "complete": False}
    work.ledger.downloads.append(line)
    return Counted(answer, line)
