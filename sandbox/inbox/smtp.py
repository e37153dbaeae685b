"""The SMTP side: takes every mail in, and its faults. aiosmtpd stays in here.

The reply after the final dot is where mail is lost or doubled (RFC 1047), so the ledger knows of each
reply whether it was sent, and whether the sender still said QUIT after it: a reply that nobody read is lost too.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import AnyStr

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from sandbox.faults import Fault, FaultTable
from sandbox.inbox.mails import Attempt, Mailbox

HOSTNAME = "inbox.sandbox"
SLOW_S = 10.0
REFUSED_FROM = 400

ACCEPTED = "250 2.0.0 OK: taken in"
TEMPFAIL = "451 4.3.0 Try again later"
REJECT = "550 5.1.1 No such mailbox here"
CLOSING = "421 4.3.2 Closing the connection"


class Connection(SMTP):
    """One connection. `pending` is the attempt that the next reply answers."""

    pending: Attempt | None = None
    replied: Attempt | None = None

    async def push(self, status: AnyStr) -> None:
        reply = status if isinstance(status, str) else status.decode()
        pending, self.pending = self.pending, None
        await super().push(status)
        if pending:
            pending.reply, pending.reply_sent = reply, True
            self.replied = pending
        elif int(reply[:3]) >= REFUSED_FROM:
            self._refused_by_the_library(reply)

    def _refused_by_the_library(self, reply: str) -> None:
        """A command out of order, too long a line, too large a mail: no handler was asked."""
        sender, to = (self.envelope.mail_from, self.envelope.rcpt_tos) if self.envelope else ("", [])
        attempt = Attempt(sender or "", list(to), accepted=False, reply=reply, reply_sent=True)
        self.event_handler.mailbox.attempts.append(attempt)

    async def hang_up(self) -> None:
        """Close the connection; its end cancels whoever waits here, so nothing more is said."""
        if self.transport:
            self.transport.close()
        await asyncio.Event().wait()


async def _tempfail(_connection: Connection, _fault: Fault) -> str:
    return TEMPFAIL


async def _reject(_connection: Connection, _fault: Fault) -> str:
    return REJECT


async def _close_421(connection: Connection, _fault: Fault) -> str:
    await connection.push(CLOSING)
    await connection.hang_up()
    return CLOSING


async def _drop(connection: Connection, _fault: Fault) -> str:
    await connection.hang_up()
    return ACCEPTED


async def _slow(_connection: Connection, fault: Fault) -> str:
    await asyncio.sleep(fault.lasting(SLOW_S))
    return ACCEPTED


Answer = Callable[[Connection, Fault], Awaitable[str]]
# At RCPT, before there is a mail; after the final dot and refused; after the final dot and taken in.
RECIPIENT_FAULTS: dict[str, Answer] = {"reject": _reject, "close_421": _close_421}
REFUSING_FAULTS: dict[str, Answer] = {"tempfail": _tempfail}
ACCEPTING_FAULTS: dict[str, Answer] = {"drop_before_250": _drop, "slow": _slow}
FAULTS = {**RECIPIENT_FAULTS, **REFUSING_FAULTS, **ACCEPTING_FAULTS}


class Handler:
    """What aiosmtpd asks on each command."""

    def __init__(self, mailbox: Mailbox, faults: FaultTable) -> None:
        self.mailbox = mailbox
        self._faults = faults

    async def handle_RCPT(  # noqa: N802 (aiosmtpd's name)
        self, connection: Connection, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        fault = self._faults.take(RECIPIENT_FAULTS, f"{envelope.mail_from}\n{address}")
        if fault is None:
            envelope.rcpt_tos.append(address)
            envelope.rcpt_options.extend(options)
            return "250 2.1.5 OK"
        attempt = Attempt(envelope.mail_from or "", [address], accepted=False)
        return await self._answer(connection, attempt, fault)

    async def handle_DATA(  # noqa: N802 (aiosmtpd's name)
        self, connection: Connection, _session: Session, envelope: Envelope
    ) -> str:
        mail = self.mailbox.new(envelope.mail_from or "", list(envelope.rcpt_tos), envelope.original_content or b"")
        fault = self._faults.take({*REFUSING_FAULTS, *ACCEPTING_FAULTS}, mail.searchable)
        accepted = fault is None or fault.fault in ACCEPTING_FAULTS
        if accepted:
            self.mailbox.mails.append(mail)
        return await self._answer(connection, Attempt.of(mail, accepted=accepted), fault)

    async def handle_QUIT(  # noqa: N802 (aiosmtpd's name)
        self, connection: Connection, _session: Session, _envelope: Envelope
    ) -> str:
        if connection.replied:
            connection.replied.reply_read = True
        return "221 2.0.0 Bye"

    async def _answer(self, connection: Connection, attempt: Attempt, fault: Fault | None) -> str:
        self.mailbox.attempts.append(attempt)
        connection.pending = attempt
        if fault is None:
            return ACCEPTED
        attempt.fault = fault.fault
        return await FAULTS[fault.fault](connection, fault)


async def listen(mailbox: Mailbox, faults: FaultTable, host: str, port: int) -> asyncio.Server:
    """Take mail at this address, with any login or none, from now until the server is closed."""
    loop = asyncio.get_running_loop()

    def connection() -> Connection:
        return Connection(
            Handler(mailbox, faults),
            hostname=HOSTNAME,
            enable_SMTPUTF8=True,
            auth_require_tls=False,
            authenticator=lambda *_: AuthResult(success=True),
            loop=loop,
        )

    return await loop.create_server(connection, host, port)
