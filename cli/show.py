"""`./enlarger show`: one order with everything that happened to it, and what happens next and why."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from rich.box import ROUNDED
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from cli.jobs import COLOURS
from cli.office import Json, Office, Order, Personal, office
from common import switches
from common.admin import reading
from common.admin.telling import money, next_step, span, until

Row = Mapping[str, Any]
GOOD = {"completed", "paid", "mailed_ready", "refunded", "released", "link_renewed"}
BAD = {"failed", "check_failed", "result_gone", "stumbled", "mail_rejected", "refund_rejected", "timeout", "held"}


def show(order: Order, *, personal: Personal = False, json: Json = False) -> None:
    """Show one order: its history, attempts, money, mails, and its next wake-up and why."""
    with office(json=json, personal=personal) as at:
        with at.database.transaction() as tx:
            record = reading.record(tx, order)
            paused = [pause.what for pause in switches.paused(tx)]
        record["next"] = next_step(record, paused)
        at.tell(record, lambda: at.console.print(_page(at, record)))


def _page(at: Office, record: Row) -> RenderableType:
    parts: list[RenderableType] = [_head(at, record)]
    for title, table in (
        ("Needs attention", _attention(record)),
        ("History", _history(record)),
        ("Attempts", _attempts(record)),
        ("Money", _money(record)),
        ("Files and links", _files(record)),
        ("Mails", _mails(record)),
        ("Decisions", _decisions(record)),
    ):
        if table is not None:
            parts += [Text(), Text(title, style="bold"), table]
    return Group(*parts)


def _head(at: Office, record: Row) -> Panel:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    status = Text(record["status"], style=f"bold {COLOURS[record['status']]}")
    if record["failure_reason"]:
        status.append(f"  {record['failure_reason']}: {record['failure_detail'] or 'no detail'}", style="red")
    if record["hold_reason"]:
        status.append(f"  held: {record['hold_reason']}", style="yellow")
    width, height, factor = record["source_width"], record["source_height"], record["factor"]
    grid.add_row("status", status)
    grid.add_row("picture", f"{width} x {height} → {width * factor} x {height * factor} ({factor}x)")
    grid.add_row("source", Text(record["source_url"]))
    grid.add_row("customer", at.address(record["email"]))
    grid.add_row("stage", f"{record['stage']}, attempt {record['attempt']}, version {record['version']}")
    if record["promise_at"] and not record["completed_at"] and not record["failed_at"]:
        grid.add_row("promised", f"{_time(record['promise_at'])} ({until(record['now'], record['promise_at'])})")
    grid.add_row("next", Text(record["next"], style="cyan"))
    title = f"[bold]{record['ticket']}[/]"
    return Panel(grid, title=title, subtitle=f"[dim]{record['job_id']}[/]", box=ROUNDED, title_align="left",
                 subtitle_align="left", padding=(1, 2), border_style=COLOURS[record["status"]])  # fmt: skip


def _history(record: Row) -> RenderableType:
    """A timeline: what happened, who did it, and how long the pauses between were."""
    table = Table.grid(padding=(0, 2, 0, 0))
    for style, wrap in (("dim", False), ("dim", False), ("", False), ("dim", False), ("", True)):
        table.add_column(style=style, no_wrap=not wrap, overflow="fold")
    for before, event in pairwise([None, *record["history"]]):
        assert event is not None  # noqa: S101 - only the first has no predecessor
        passed = f"+{span((event['at'] - before['at']).total_seconds())}" if before else ""
        kind = event["kind"]
        dot = Text("●", style="green" if kind in GOOD else "red" if kind in BAD else "blue")
        stages = [stage for stage in (event["from_stage"], event["to_stage"]) if stage]
        moved = f"{' → '.join(stages)}  " if event["from_stage"] != event["to_stage"] else ""
        what = Text.assemble(dot, " ", (kind, "bold"))
        detail = Text(", ".join(f"{k} {v}" for k, v in event["detail"].items() if v not in (None, "", [])), style="dim")
        table.add_row(_time(event["at"]), passed, what, event["actor"], Text.assemble((moved, "cyan"), detail))
    return table


def _attempts(record: Row) -> RenderableType | None:
    rows = [
        (
            f"{a['attempt']}{' (override)' if a['admin_override'] else ''}",
            _state(a["state"]),
            _time(a["submitted_at"]),
            _lasted(a["submitted_at"], a["ended_at"]),
            a["provider_id"] or "",
            str(a["credits"] or ""),
            a["error"] or "",
        )
        for a in record["attempts"]
    ]
    return _table(("no.", "state", "submitted", "took", "provider's id", "credits", "error"), rows)


def _money(record: Row) -> RenderableType:
    currency = record["currency"]
    spent = sum(a["credits"] or 0 for a in record["attempts"])
    rows: list[tuple[Any, ...]] = [
        ("asked", money(record["amount_cents"], currency), Text(record["session_id"] or "", style="dim")),
        ("charged", money(record["charged_cents"], currency), Text(record["payment_intent"] or "", style="dim")),
        ("refunded", money(record["refunded_cents"], currency), ""),
        ("cost", f"{money(record['cost_cents'], currency)} estimated", f"{record['credits']} credits, {spent} used"),
    ]
    for refund in record["refunds"]:
        what = Text.assemble(_state(refund["state"]), f"  {refund['reason']}  ", (refund["error"] or "", "red"))
        rows.append((f"refund {refund['number']}", money(refund["amount_cents"], currency), what))
    return _table(("", "", ""), rows) or Text()


def _files(record: Row) -> RenderableType | None:
    rows: list[tuple[Any, ...]] = [
        (Text(d["file_key"]), "removed" if d["removed_at"] else "kept" if d["stored_at"] else "never stored",
         f"{d['width']} x {d['height']}" if d["width"] else "", f"{d['file_size'] or 0:,} bytes")
        for d in record["deliveries"]
    ]  # fmt: skip
    for link in record["links"]:
        state = _link_state(link)
        rows.append((f"link {link['generation']}", state, f"until {_time(link['expires_at'])}",
                     f"{link['downloads']} downloads"))  # fmt: skip
    return _table(("", "", "", ""), rows)


def _link_state(link: Row) -> str:
    if link["revoked_at"]:
        return "revoked"
    return "disputed" if link["disputed"] else "over" if link["over"] else "good"


def _mails(record: Row) -> RenderableType | None:
    rows = [
        (f"{m['kind']} {m['number']}", _state(m["state"]), _time(m["answered_at"]), Text(m["error"] or "", style="red"))
        for m in record["mails"]
    ]
    return _table(("mail", "state", "answered", ""), rows)


def _attention(record: Row) -> RenderableType | None:
    rows = [
        (Text(a["reason"], style="bold yellow"), _time(a["opened_at"]), Text(a["detail"]))
        for a in record["attention"]
        if a["closed_at"] is None
    ]
    return _table(("", "", ""), rows)


def _decisions(record: Row) -> RenderableType | None:
    rows = [(_time(d["at"]), d["actor"], Text(d["verb"], style="bold"), Text(d["why"])) for d in record["decisions"]]
    return _table(("", "", "", ""), rows)


def _table(names: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> Table | None:
    if not rows:
        return None
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim", show_header=any(names))
    for name in names:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*row)
    return table


def _state(state: str) -> Text:
    good, bad = {"succeeded", "sent"}, {"failed", "unknown"}
    return Text(state, style="green" if state in good else "red" if state in bad else "yellow")


def _lasted(began: datetime | None, ended: datetime | None) -> str:
    return span((ended - began).total_seconds()) if began and ended else ""


def _time(when: datetime | None) -> str:
    return when.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S") if when else ""
