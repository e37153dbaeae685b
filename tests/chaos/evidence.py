"""What the judge looks at, gathered when all is quiet: the sandbox's own ledgers, the files, the queues, the logs."""

import hashlib
import io
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psycopg
import requests
from PIL import Image

from local.ports import HOST
from services.finisher.deliveries import preview_key
from tests.chaos.customers import Purchase
from tests.chaos.fleet import Exit
from tests.chaos.world import Disturbance, World

TOKEN = re.compile(r"/d/([0-9a-f]{64})")
PEEK = {"count": 10_000, "ackmode": "ack_requeue_true", "encoding": "auto", "truncate": 50_000}


@dataclass(frozen=True)
class Payment:
    """An order as Stripe's books have it. `keys`: the idempotency keys under which its refunds were asked for."""

    job_id: str
    session_id: str
    amount: int
    refunds: Sequence[tuple[str, int]] = ()
    keys: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Submission:
    """One accepted submission as the provider has it; `sha256` is of the result that it serves."""

    job_id: str
    attempt: int
    provider_id: str
    at: datetime
    answer: str
    state: str
    faults: Sequence[str] = ()
    sha256: str | None = None
    spoilt_downloads: int = 0


@dataclass(frozen=True)
class Mail:
    """One mail in the inbox; `answered`: the notifier has read the server's 250, for it said QUIT after it."""

    to: str
    kind: str
    message_id: str
    at: datetime
    answered: bool
    tokens: Sequence[str] = ()


@dataclass(frozen=True)
class Download:
    """What a mailed link gave: HTTP status, digest, and the size in pixels if it decodes."""

    token: str
    status: int
    sha256: str
    size: tuple[int, int] | None


@dataclass(frozen=True)
class Row:
    """A job as our own table has it. `late_s`: seconds since it should have woken."""

    job_id: str
    stage: str
    status: str
    settled: bool
    late_s: float | None
    charged_cents: int
    refunded_cents: int


@dataclass(frozen=True)
class Evidence:
    """Everything; plain values, so that tests can plant what must be found."""

    purchases: Sequence[Purchase] = ()
    payments: Mapping[str, Payment] = field(default_factory=dict)
    submissions: Sequence[Submission] = ()
    mails: Sequence[Mail] = ()
    downloads: Mapping[str, Download] = field(default_factory=dict)
    rows: Sequence[Row] = ()
    queued: Mapping[str, int] = field(default_factory=dict)
    dead: Sequence[str] = ()
    poison: frozenset[str] = frozenset()
    leaks: Sequence[str] = ()
    orphans: Sequence[str] = ()
    exits: Sequence[Exit] = ()
    slow_drains: Sequence[str] = ()
    disturbances: Sequence[Disturbance] = ()
    kills: int = 0
    redeliveries: int = 0
    failed_calls: int = 0
    bites_expected: bool = True


def gather(world: World, purchases: Sequence[Purchase], redeliveries: int, *, bites_expected: bool) -> Evidence:
    """Ask everybody, past the proxy; the downloads go through it, as the customers' do."""
    stripe = world.stand_in("stripe", "GET", "/sandbox/ledger")
    provider = world.stand_in("upsampler", "GET", "/sandbox/ledger")
    mails = _mails(world)
    tokens = [token for mail in mails for token in mail.tokens]
    with world.connect() as tx:
        rows = _rows(tx)
        dump = _dump(tx)
        orphans = _orphans(world, tx)
    faults = {name: world.stand_in(name, "GET", "/sandbox/faults")["taken"] for name in ("upsampler", "inbox")}
    faults["stripe"] = stripe["faults"]["taken"]
    return Evidence(
        purchases=purchases,
        payments=_payments(stripe),
        submissions=[_submission(world, line, provider["downloads"]) for line in provider["submissions"]],
        mails=mails,
        downloads={token: _download(world, token) for token in tokens},
        rows=rows,
        queued=queue_depths(world),
        dead=_dead_letters(world),
        poison=frozenset(world.diary.poison),
        leaks=[*_leaks(world, purchases, tokens), *_tokens_in(dump, tokens)],
        orphans=orphans,
        exits=tuple(world.fleet.exits),
        slow_drains=tuple(world.diary.slow_drains),
        disturbances=tuple(world.diary.disturbances),
        kills=world.diary.kills + sum(world.fleet.crashes.values()),
        redeliveries=redeliveries,
        failed_calls=sum(sum(taken.values()) for taken in faults.values()),
        bites_expected=bites_expected,
    )


def queue_depths(world: World) -> dict[str, int]:
    """Messages, ready and unacknowledged, in each queue, as the queues themselves count them."""
    queues = world.api("GET", "/queues/{vhost}?disable_stats=true&enable_queue_totals=true")
    return {queue["name"]: int(queue.get("messages", 0)) for queue in queues}


def _payments(ledger: Mapping[str, Any]) -> dict[str, Payment]:
    refunds: dict[str, list[tuple[str, int]]] = {}
    for refund in ledger["refunds"]:
        refunds.setdefault(refund["payment_intent"], []).append((refund["status"], refund["amount"]))
    keys: dict[str, set[str]] = {}
    for call in ledger["calls"]:
        if call["method"] == "POST" and call["path"] == "/v1/refunds":
            keys.setdefault(call["params"]["payment_intent"], set()).add(str(call["key"]))
    return {
        session["id"]: Payment(
            job_id=session["metadata"]["job_id"],
            session_id=session["id"],
            amount=session["amount_total"],
            refunds=refunds.get(session["payment_intent"], []),
            keys=frozenset(keys.get(session["payment_intent"], ())),
        )
        for session in ledger["sessions"]
        if session["payment_status"] == "paid"
    }


def _submission(world: World, line: Mapping[str, Any], downloads: Iterable[Mapping[str, Any]]) -> Submission:
    query = parse_qs(urlsplit(line["webhook_url"]).query)
    result = world.results / f"{line['id']}.png"
    mine = [download for download in downloads if download["id"] == line["id"]]
    return Submission(
        job_id=query["job"][0],
        attempt=int(query["attempt"][0]),
        provider_id=line["id"],
        at=datetime.fromisoformat(line["at"]),
        answer=line["answer"],
        state=line["state"],
        faults=line["faults"],
        sha256=hashlib.sha256(result.read_bytes()).hexdigest() if result.exists() else None,
        spoilt_downloads=sum(bool(download["fault"]) or not download["complete"] for download in mine),
    )


def _mails(world: World) -> list[Mail]:
    attempts = world.stand_in("inbox", "GET", "/sandbox/ledger")["attempts"]
    answered = {attempt["mail_id"]: attempt["reply_read"] for attempt in attempts if attempt["accepted"]}
    return [
        Mail(
            to=mail["to"][0],
            kind=mail["message_id"].strip("<").partition(".")[0],
            message_id=mail["message_id"],
            at=datetime.fromisoformat(mail["received_at"]),
            answered=bool(answered.get(mail["id"])),
            tokens=tuple(dict.fromkeys(TOKEN.findall(mail["text"]))),
        )
        for mail in world.stand_in("inbox", "GET", "/api/mails")
    ]


def _download(world: World, token: str) -> Download:
    address = f"http://{HOST}:{world.links['ingest'].port}/wp-json/smi/v1/download/{token}"
    try:
        response = world.http.get(address, timeout=20)
    except requests.RequestException:
        return Download(token, 0, "", None)
    size = None
    if response.ok:
        try:
            with Image.open(io.BytesIO(response.content)) as image:
                image.load()
                size = image.size
        except OSError:
            size = None
    return Download(token, response.status_code, hashlib.sha256(response.content).hexdigest(), size)


def _rows(tx: psycopg.Connection[tuple[Any, ...]]) -> list[Row]:
    found = tx.execute(
        """SELECT job_id, stage, status, settled_at IS NOT NULL, extract(epoch FROM now() - wake_at)::float8,
                  charged_cents, refunded_cents FROM jobs"""
    )
    return [Row(str(job_id), *rest) for job_id, *rest in found]


def _dump(tx: psycopg.Connection[tuple[Any, ...]]) -> str:
    """Every row of every table as text: a thief's copy of the database."""
    tables = [row[0] for row in tx.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
    return "\n".join(str(row[0]) for table in tables for row in tx.execute(f'SELECT t::text FROM "{table}" t'))


def _orphans(world: World, tx: psycopg.Connection[tuple[Any, ...]]) -> list[str]:
    """Stored files that no row knows: nobody will ever remove them. What was begun of KEY (KEY#1) goes with it."""
    results = {row[0] for row in tx.execute("SELECT file_key FROM deliveries")}
    others = tx.execute("SELECT file_key FROM uploads UNION SELECT reference_key FROM sources")
    known = results | {preview_key(key) for key in results} | {row[0] for row in others}
    folder = world.stack.folder / "files"
    stored = [str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()]
    return sorted(path for path in stored if path.partition("#")[0] not in known)


def _tokens_in(dump: str, tokens: Iterable[str]) -> list[str]:
    return [
        f"the database holds the token {token[:8]}…"
        for token in tokens
        if token in dump or token.encode().hex() in dump
    ]


def _dead_letters(world: World) -> list[str]:
    dead = [name for name in queue_depths(world) if name.endswith(".dead")]
    return [m["payload"] for name in dead for m in world.api("POST", f"/queues/{{vhost}}/{name}/get", PEEK)]


def _leaks(world: World, purchases: Iterable[Purchase], tokens: Iterable[str]) -> list[str]:
    """Secrets, tickets, tokens and addresses that stand in a worker's log."""
    known = world.stack.known
    canaries = {
        "a secret": [*vars(known).values(), urlsplit(world.database_url).password, urlsplit(world.amqp_url).password],
        "a ticket": [purchase.ticket for purchase in purchases],
        "an address": [purchase.email for purchase in purchases],
        "a token": list(tokens),
    }
    logs = {slot.log.name: slot.log.read_text(errors="replace") for slot in world.fleet.slots if slot.log.exists()}
    return [
        f"{log} holds {what}: {json.dumps(_line_with(text, value))}"
        for log, text in logs.items()
        for what, values in canaries.items()
        for value in values
        if value and value in text
    ]


def _line_with(text: str, value: str) -> str:
    at = text.index(value)
    return text[max(0, at - 120) : at + 20].replace(value, f"{value[:8]}…")
