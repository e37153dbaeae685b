"""docs/benchmarks: the figures that were recorded last, with the machine that they come from, as a page and charts."""

import json
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import environment, machine
from bench.measure import TRICKLE_PER_S, TURN
from bench.ours import SWITCHED_OFF
from local.layout import ROOT
from local.processes import LocalError
from local.servers import Say

FOLDER = ROOT / "docs" / "benchmarks"
FIGURES = FOLDER / "figures.json"

OWN_LOOPS = ("hand-tuned loop", "bare loop")

_HEAD = """# Benchmarks

Made by the command `bench` (`peers`, `machinery`, `clock`, `scrape`) with `--record`; do not edit. Figures differ from
machine to machine: compare within one run.

The workers run with their default settings but for {settings}: what they would
do outside is switched to nothing; every claim, commit, confirm and acknowledgement stays.
"""


def record(part: str, figures: Mapping[str, Any], servers: Mapping[str, str], say: Say) -> None:
    """Keep these figures as the part's newest, and make page and charts anew."""
    environment.make_ready(say)
    FOLDER.mkdir(parents=True, exist_ok=True)
    known = json.loads(FIGURES.read_text()) if FIGURES.exists() else {}
    known[part] = {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": machine.described() | dict(servers),
        "versions": environment.versions(),
        **figures,
    }
    FIGURES.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n")
    (FOLDER / "README.md").write_text(page(known))
    _draw(FIGURES, FOLDER)
    say(f"Recorded in {FOLDER.relative_to(ROOT)}")


def page(known: Mapping[str, Any]) -> str:
    """The whole page, from the recorded figures."""
    settings = ", ".join(f"`{name}={value}`" for name, value in SWITCHED_OFF.items())
    parts = [_HEAD.format(settings=settings)]
    parts += [make(known[name]) for name, make in _PARTS.items() if name in known]
    return "\n".join(parts)


def _peers(found: Mapping[str, Any]) -> str:
    rows = [_peer(result) for result in sorted(found["results"], key=lambda r: -r["per_s"])]
    by_name = {result["name"]: result for result in found["results"]}
    orders = found["results"][0]["orders"]
    head = (
        "| program | orders/s | CPU s per 1000 orders: Python / PostgreSQL / RabbitMQ | largest process, MB "
        "| at 20 orders/s: p50, p99 ms |\n| --- | ---: | ---: | ---: | ---: |\n"
    )
    pgbench = f"{found['pgbench_per_s']:.0f} orders/s" if found["pgbench_per_s"] else "not measured"
    return (
        f"## Beside others\n\n{orders:,} orders each, in interleaved rounds on one broker and one database, medians; "
        f"at {TRICKLE_PER_S:.0f} orders/s all are there and take turns, {TURN} orders each. "
        "The others make one UPDATE and one INSERT in a transaction at each of four hops and confirm every publish; "
        "the hand-tuned loop and the bare loop commit as often as Enlarger claims and records. Enlarger also writes "
        f"its rows of attempts, deliveries, links and mails.\n\n![orders per second](peers.svg)\n\n{head}"
        + "\n".join(rows)
        + f"\n\n{_aims(by_name)}\n\n"
        f"The floor: pgbench with the four transactions and 32 clients {pgbench}; one quorum queue "
        f"{found['published_per_s']:,.0f} confirmed publishes/s, {found['consumed_per_s']:,.0f} messages consumed/s. "
        "Tunings: [bench/peers/sweeps.json](../../bench/peers/sweeps.json), the best of each was used.\n\n"
        + _machine(found)
    )


def _aims(found: Mapping[str, Mapping[str, Any]]) -> str:
    """How far it is to what Enlarger is meant to reach."""
    ours, tuned, bare = (found[name] for name in ("Enlarger", *OWN_LOOPS))
    frameworks = [result["per_s"] for name, result in found.items() if name not in {"Enlarger", *OWN_LOOPS}]
    late = [ours["trickle"][name] / bare["trickle"][name] for name in ("p50_ms", "p99_ms")]
    return (
        f"Enlarger is {ours['per_s'] / max(frameworks):.1f} times as fast as the fastest framework (the aim is 8) and "
        f"{ours['per_s'] / tuned['per_s']:.1f} times as fast as the hand-tuned loop (3); at 20 orders/s its p50 and "
        f"p99 are {late[0]:.2f} and {late[1]:.2f} times those of the bare loop (1.3)."
    )


def _peer(result: Mapping[str, Any]) -> str:
    servers = ("PostgreSQL", "RabbitMQ")
    python = sum(seconds for name, seconds in result["cpu"].items() if name not in servers)
    cpu = f"{python:.2f} / {result['cpu']['PostgreSQL']:.2f} / {result['cpu']['RabbitMQ']:.2f}"
    trickle = result["trickle"]
    late = f"{trickle['p50_ms']:.1f}, {trickle['p99_ms']:.1f}" if trickle else ""
    return f"| {result['name']} | {result['per_s']:,.0f} | {cpu} | {max(result['rss_mb'].values()):.0f} | {late} |"


def _machinery(found: Mapping[str, Any]) -> str:
    rows = [
        f"| {name} | {seconds:.3f} | {found['rss_mb'].get(name, 0):.0f} |"
        for name, seconds in found["cpu"].items()
        if name in found["rss_mb"]
    ]
    return (
        f"## Alone\n\n{found['orders']:,} orders published at once: {found['per_s']:,.0f} orders/s to the last mail's "
        f"record, p50 {found['saturated']['p50_ms']:,.0f} ms and p99 {found['saturated']['p99_ms']:,.0f} ms in that "
        f"crowd; at 20 orders/s p50 {found['trickle']['p50_ms']:.1f} ms, p99 {found['trickle']['p99_ms']:.1f} ms.\n\n"
        "| worker | CPU s per 1000 orders | memory, MB |\n| --- | ---: | ---: |\n"
        + "\n".join(rows)
        + f"\n\nPostgreSQL {found['cpu']['PostgreSQL']:.3f} s, RabbitMQ {found['cpu']['RabbitMQ']:.3f} s.\n\n"
        + _machine(found)
    )


def _clock(found: Mapping[str, Any]) -> str:
    few, most = (c["clock_us"] + c["postgres_us"] for c in (found["costs"][0], found["costs"][-1]))
    rows = [
        f"| {c['sleeping']:,} | {c['clock_us']:.0f} | {c['postgres_us']:.0f} | {c['wall_us']:.0f} |"
        for c in found["costs"]
    ]
    return (
        f"## The clock\n\n{found['sleeping']:,} jobs asleep, {found['due']:,} of them due at once: "
        f"{found['per_s']:,.0f} wake-ups/s, {found['per_core_s']:,.0f} for each CPU-second (the clock's and "
        f"PostgreSQL's together), {'oldest first' if found['oldest_first'] else 'NOT oldest first'}; memory "
        f"{found['rss_before_mb']:.0f} MB before and {found['rss_after_mb']:.0f} MB after. With 500 falling due a "
        f"second they are at most {found['steady_late_p99_s']:.2f} s late (p99). From "
        f"{found['costs'][0]['sleeping']:,} to {found['costs'][-1]['sleeping']:,} asleep the cost of a wake-up grows "
        f"{most / few:.2f} times (the aim is 1.3 at most).\n\n![cost of a wake-up](clock.svg)\n\n"
        "| asleep | clock's CPU, µs a wake-up | PostgreSQL's CPU, µs | wall, µs |\n| ---: | ---: | ---: | ---: |\n"
        + "\n".join(rows)
        + f"\n\nThe plan of the statement that claims what is due:\n\n```\n{found['plan']}\n```\n\n"
        + _machine(found)
    )


def _scrape(found: Mapping[str, Any]) -> str:
    rows = [
        f"| {w['worker']} | {w['median_ms']:.1f} | {w['slowest_ms']:.1f} | {w['cpu_ms']:.1f} | {w['size'] / 1000:.0f} |"
        for w in found["workers"]
    ]
    return (
        f"## /metrics\n\nOver HTTP, {found['scrapes']} scrapes of each worker with {found['jobs']:,} jobs in the "
        f"database, which are counted beside it ({found['count_s']:.2f} s).\n\n"
        "| worker | median, ms | slowest, ms | its CPU, ms | kB |\n| --- | ---: | ---: | ---: | ---: |\n"
        + "\n".join(rows)
        + "\n\n"
        + _machine(found)
    )


def _machine(found: Mapping[str, Any]) -> str:
    words = ", ".join(f"{name} {value}" for name, value in found["machine"].items())
    versions = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
    return f"*{found['date']}; {words}; {versions}.*\n"


_PARTS = {"peers": _peers, "machinery": _machinery, "clock": _clock, "scrape": _scrape}


def _draw(figures: Path, folder: Path) -> None:
    command = [str(environment.PYTHON), str(ROOT / "bench" / "peers" / "chart.py"), str(figures), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LocalError(f"the charts failed:\n{done.stderr.strip()[-1500:]}")
