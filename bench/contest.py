"""`./enlarger bench peers`: the same orders through every contestant in one run, in interleaved rounds."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from statistics import median

from bench import environment, floor
from bench.contestant import Contestant
from bench.measure import TRICKLE, TRICKLE_PER_S, Latency, Result, measure, steady
from bench.ours import Ours
from bench.rig import Rig, rig
from bench.rivals import BARE_LOOP, PEERS, REFERENCE, SWEEPS, Recipe, Rival, chosen
from local.servers import Say

SWEEP_ORDERS = 1000


@dataclass(frozen=True, slots=True)
class Contest:
    """The medians of every contestant's rounds, and the floors: orders/s of pgbench alone, messages/s."""

    results: Sequence[Result]
    pgbench_per_s: float | None
    published_per_s: float
    consumed_per_s: float


def contest(count: int, rounds: int, only: str, say: Say) -> tuple[Contest, dict[str, str]]:
    """`count` orders for each contestant over all rounds. `only`: part of the name of those that run."""
    environment.make_ready(say)
    makers = [make for name, make in _contestants() if only.lower() in name.lower()]
    found: dict[str, list[Result]] = {}
    with rig(say) as running:
        for number in range(rounds):
            for make in makers[number % len(makers) :] + makers[: number % len(makers)]:
                result = measure(running, make(), count // rounds, round_no=number)
                found.setdefault(result.name, []).append(result)
                say(f"round {number + 1}: {result.name}: {result.per_s:.0f} orders/s")
        say(f"at {TRICKLE_PER_S:.0f} orders a second, in turns")
        late = steady(running, [make() for make in makers], min(TRICKLE, count))
        pgbench = floor.transactions_per_s(running, min(count, 20_000))
        published, consumed = floor.messages_per_s(running, min(count, 20_000))
    results = [replace(_middle(rounds_of), trickle=late[name]) for name, rounds_of in found.items()]
    return Contest(results, pgbench, published, consumed), running.versions


def sweep(only: str, say: Say) -> None:
    """Try every tuning of every other contestant, and write what each gave beside them."""
    environment.make_ready(say)
    known = json.loads(SWEEPS.read_text())["rows"] if SWEEPS.exists() else []
    recipes = [recipe for recipe in (*PEERS, REFERENCE) if only.lower() in recipe.name.lower()]
    rows = [row for row in known if row["name"] not in {recipe.name for recipe in recipes}]
    with rig(say) as running:
        for recipe in recipes:
            rows += _swept(running, recipe, say)
            told = {"command": "./enlarger bench peers --sweep", "orders": SWEEP_ORDERS, "rows": rows}
            SWEEPS.write_text(_one_row_a_line(told))


def _swept(running: Rig, recipe: Recipe, say: Say) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for number, tuning in enumerate(recipe.tunings):
        result = measure(running, Rival(recipe, tuning), SWEEP_ORDERS, round_no=number)
        say(f"{recipe.name}: {tuning.threads} at once, {tuning.prefetch} held: {result.per_s:.0f} orders/s")
        rows.append({"name": recipe.name, **asdict(tuning), "per_s": result.per_s})
    return rows


def _one_row_a_line(told: dict[str, object]) -> str:
    rows = told.pop("rows")
    lines = ",\n    ".join(json.dumps(row) for row in rows)  # type: ignore[attr-defined]
    head = ",\n  ".join(f"{json.dumps(name)}: {json.dumps(value)}" for name, value in told.items())
    return f'{{\n  {head},\n  "rows": [\n    {lines}\n  ]\n}}\n'


def _contestants() -> list[tuple[str, Callable[[], Contestant]]]:
    others = [(recipe, chosen(recipe)) for recipe in (*PEERS, REFERENCE)]
    others.append((BARE_LOOP, BARE_LOOP.tunings[0]))
    return [(Ours.name, Ours), *((recipe.name, partial(Rival, recipe, tuning)) for recipe, tuning in others)]


def _middle(results: Sequence[Result]) -> Result:
    """The median of each figure over the rounds."""
    first = results[0]
    return Result(
        name=first.name,
        orders=sum(result.orders for result in results),
        seconds=round(sum(result.seconds for result in results), 2),
        per_s=median(result.per_s for result in results),
        saturated=_middle_latency([result.saturated for result in results]),
        cpu={name: round(median(result.cpu[name] for result in results), 3) for name in first.cpu},
        rss_mb={name: max(result.rss_mb[name] for result in results) for name in first.rss_mb},
    )


def _middle_latency(found: Sequence[Latency]) -> Latency:
    return Latency(round(median(one.p50_ms for one in found), 2), round(median(one.p99_ms for one in found), 2))
