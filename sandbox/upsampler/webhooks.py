"""Webhooks: sent on every final state, repeated until somebody answers 2xx; and their faults."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from sandbox.faults import Fault, FaultTable
from sandbox.upsampler import outbound
from sandbox.upsampler.dialects import SPEECH
from sandbox.upsampler.jobs import Job, Ledger, State, now

WAITS_S = (0.5, 1.0, 2.0, 4.0)  # between five tries
DUPLICATES = 5
FOREIGN_RESULT = "http://127.0.0.1:1/foreign-result"
TOKEN = re.compile(r"[0-9A-Za-z_-]{8,}")


class Webhooks:
    """The sender. Every try is in the ledger when it ends, with the answer's status or the error."""

    def __init__(self, ledger: Ledger, faults: FaultTable, results_url: str) -> None:
        self._ledger = ledger
        self._faults = faults
        self._results_url = results_url
        self._pool = ThreadPoolExecutor(16, thread_name_prefix="webhook")

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def announce(self, job: Job) -> None:
        """Tell the customer's webhook how the job ended; returns when it was taken or given up."""
        fault = self._faults.take(ANNOUNCEMENTS, job.text)
        await (ANNOUNCEMENTS[fault.fault](self, job, fault) if fault else self.deliver(job, "genuine"))

    async def deliver(self, job: Job, kind: str) -> None:
        body = SPEECH[job.order.dialect].webhook(job, f"{self._results_url}/{job.id}")
        for attempt, wait_s in enumerate((*WAITS_S, None), start=1):
            reply = await self._post(job, job.order.webhook_url, body, (kind, attempt))
            job.announced.set()
            if reply.taken or wait_s is None:
                return
            await asyncio.sleep(wait_s)

    async def forge(self, job: Job) -> None:
        """If `webhook_forged` is armed: say SUCCESS with a foreign result, while the job still runs.

        Once at an address with a spoilt token, once at the right address.
        """
        fault = self._faults.take(FORGED, job.text)
        if fault is None:
            return
        job.faults.append(fault.fault)
        pretended = Job(job.id, job.order, job.raw, quoted=job.quoted, state=State.DONE)
        body = SPEECH[job.order.dialect].webhook(pretended, FOREIGN_RESULT)
        await self._post(job, spoil_token(job.order.webhook_url), body, ("forged_token", 1))
        await self._post(job, job.order.webhook_url, body, ("forged_result", 1))

    async def _post(self, job: Job, url: str, body: dict[str, Any], what: tuple[str, int]) -> outbound.Reply:
        at = now()
        reply = await asyncio.get_running_loop().run_in_executor(self._pool, outbound.post, url, body)
        self._record(job, {"at": at, "url": url, "body": body, "status": reply.status, "error": reply.error}, what)
        return reply

    def _record(self, job: Job, line: dict[str, Any], what: tuple[str, int]) -> None:
        kind, attempt = what
        self._ledger.webhooks.append({"id": job.id, "kind": kind, "attempt": attempt, **line})

    async def lose(self, job: Job, fault: Fault) -> None:
        job.faults.append(fault.fault)
        line = {
            "at": now(),
            "url": job.order.webhook_url,
            "body": None,
            "status": None,
            "error": "never sent",
        }
        self._record(job, line, ("lost", 0))
        job.announced.set()

    async def duplicate(self, job: Job, fault: Fault) -> None:
        job.faults.append(fault.fault)
        await asyncio.gather(*(self.deliver(job, "duplicate") for _ in range(DUPLICATES)))


ANNOUNCEMENTS: dict[str, Callable[[Webhooks, Job, Fault], Awaitable[None]]] = {
    "webhook_lost": Webhooks.lose,
    "webhook_duplicate": Webhooks.duplicate,
}
FORGED = "webhook_forged"
FAULTS = {*ANNOUNCEMENTS, FORGED}


def spoil_token(url: str) -> str:
    """The same address with its longest token-like part changed, character by character.

    All of it changes: the last character of a base64 token may hold bits that nobody reads.
    """
    start = url.index("://") + 3
    start = url.find("/", start) + 1 or len(url)
    tokens = list(TOKEN.finditer(url, start))
    if not tokens:
        return url + ("&" if "?" in url else "?") + "token=forged"
    longest = max(tokens, key=lambda token: len(token.group()))
    return url[: longest.start()] + longest.group().translate(_NEXT) + url[longest.end() :]


def _cycle(characters: str) -> dict[int, str]:
    return {ord(one): characters[(place + 1) % len(characters)] for place, one in enumerate(characters)}


_NEXT = _cycle("0123456789") | _cycle("abcdef") | _cycle("ghijklmnopqrstuvwxyz") | _cycle("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
