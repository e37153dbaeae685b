"""`./enlarger bench checks`: the corpus through the checks, each of its parts reported on its own."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from typing import Any

from bench.checks.detection import Rate, kept, misses, rates, totals
from bench.checks.photographs import Photograph, photographs, shipped
from bench.checks.trial import Trial, trials
from local.servers import Say

SPLITS = ("train", "seen", "test")


@dataclass(frozen=True)
class Half:
    """One part of the corpus."""

    photographs: int
    rates: list[Rate]
    totals: list[Rate]
    kept: bool
    misses: list[dict[str, Any]]
    scores: dict[str, list[float]]

    def figures(self) -> dict[str, Any]:
        return asdict(self)


def run(splits: Sequence[str], say: Say, *, quick: bool = False) -> dict[str, Half]:
    """Measure these parts. `quick`: on the shop's few photographs, enough to see that everything runs."""
    corpus = shipped() if quick else photographs(say)
    found = {}
    for split in splits:
        chosen = [photograph for photograph in corpus if photograph.split == split]
        say(f"{len(chosen)} photographs: {split}")
        found[split] = half(list(_tried(chosen, say)))
    return found


def half(tried: Sequence[Trial]) -> Half:
    by_rate = rates(tried)
    groups = ("fine", "other", "subtle", "gross")
    scores = {group: sorted(t.score for t in tried if t.group == group and t.kind != "skip") for group in groups}
    marks = (0, 0.05, 0.5, 0.95, 1)
    quantiles = {
        group: [known[int(mark * (len(known) - 1))] for mark in marks] for group, known in scores.items() if known
    }
    return Half(len({t.photograph for t in tried}), by_rate, totals(tried), kept(by_rate), misses(tried), quantiles)


def _tried(chosen: Sequence[Photograph], say: Say) -> Iterator[Trial]:
    pairs = [(one, _another(chosen, one)) for one in chosen]
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        for number, found in enumerate(pool.map(_trials, pairs), 1):
            yield from found
            if number % 10 == 0 or number == len(chosen):
                say(f"  {number} of {len(chosen)}")


def _trials(pair: tuple[Photograph, Photograph]) -> list[Trial]:
    return trials(*pair)


def _another(chosen: Sequence[Photograph], one: Photograph) -> Photograph:
    others = [other for other in chosen if other != one]
    return others[one.number % len(others)]
