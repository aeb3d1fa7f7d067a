"""Whether each feature of the search pays, on landscapes whose optimum is known.

`python -m experiments.bench.landscape [SEEDS [PROCESSES]]`. The plain search is as by default, with crossover
among its operators. Each variation differs from it in one thing. What counts is the share of the optimum's
log2 speed-up that the elite has after some numbers of evaluations; variations are compared with the plain
search on the same landscapes, seed by seed, with bootstrap 95% intervals of the mean difference, on each
landscape and on all together.

Operators are counterparts of the real ones (`experiments/bench/moves.py`) and one that forgets its parent, so
that a bandit has something to learn. Tuning is the real one, on the landscape that has settings.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from evo.budget import Budget
from evo.candidate import Candidate
from evo.engine import Engine
from evo.evaluation import Evaluation
from evo.making import make, malformed
from evo.protocols import Portfolio
from evo.settings import MOST, Mode, PopulationKind, SearchSettings, Selection
from experiments.bench.landscapes import KINDS, Landscape, of_bits
from experiments.bench.moves import moves_on
from experiments.bench.results import write_results
from experiments.bench.valleys import valleys
from experiments.pools import spawned
from operators.bandit import Bandit
from operators.observing import Announcing
from operators.portfolio import FixedWeights

SEEDS = 30
CHECKPOINTS = (401, 1_601)
"""Evaluations after which the elite is looked at: the seed and whole generations of 16."""

RESAMPLES = 10_000
VALLEYS = "valleys"
EVERYWHERE = "all"
LANDSCAPES = (VALLEYS, *KINDS)
TUNE = "tune"


class Variation(NamedTuple):
    """How a search differs from the plain one.

    Attributes:
        rules: settings of the search.
        without: operators left out.
        bandit: whether a bandit chooses among the operators, which are drawn evenly otherwise.
        only: the landscape that it makes sense on, if not all.
        longer: whether it goes on past the first checkpoint.
    """

    rules: Mapping[str, Any] = {}
    without: frozenset[str] = frozenset({TUNE})
    bandit: bool = False
    only: str | None = None
    longer: bool = True


PLAIN = "plain"
ISLANDS: Mapping[str, Any] = {"islands": 4, "population": 4}
VARIATIONS: Mapping[str, Variation] = {
    PLAIN: Variation(),
    "no crossover": Variation(without=frozenset({TUNE, "crossover"})),
    "tune": Variation(without=frozenset(), only=VALLEYS),
    "tune, no crossover": Variation(without=frozenset({"crossover"}), only=VALLEYS, longer=False),
    "bandit over operators": Variation(bandit=True),
    "no novelty (redraws = 0)": Variation({"redraws": 0}, longer=False),
    "truncation": Variation({"selection": Selection.TRUNCATION}, longer=False),
    "lexicase": Variation({"selection": Selection.LEXICASE}),
    "two elites, (mu, lambda)": Variation({"elites": 2}, longer=False),
    "4 islands of 4, no migration": Variation({**ISLANDS, "migration_every": MOST}),
    "4 islands of 4, migration every 5": Variation({**ISLANDS, "migration_every": 5}),
    "restart after 5": Variation({"restart_after": 5}, longer=False),
    "archive": Variation({"population_kind": PopulationKind.ARCHIVE}),
    "steady, one at a time": Variation({"mode": Mode.STEADY}, longer=False),
}


def landscape_of(name: str, seed: int) -> Landscape:
    """Return the landscape of a kind that is drawn from a seed."""
    return valleys(name, seed) if name == VALLEYS else of_bits(name, seed)


def engine_on(landscape: Landscape, seed: int, variation: Variation, evaluations: int) -> Engine:
    """Return a fresh engine that searches a landscape."""
    moves = moves_on(landscape.name)
    operators = {name: each for name, each in moves.items() if name not in variation.without}
    weights = dict.fromkeys(operators, 1.0)
    portfolio: Portfolio = Bandit(weights) if variation.bandit else FixedWeights(weights)
    budget = Budget(evaluations=evaluations)
    return Engine(
        landscape.task, SearchSettings(**{"seed": seed, "budget": budget, **variation.rules}), operators,
        Announcing(portfolio, operators.values()), landscape.source, landscape.device,
    )  # fmt: skip


async def reached(
    landscape: Landscape, seed: int, variation: Variation, checkpoints: Sequence[int]
) -> list[float]:
    """Search, and return the share of the optimum's log2 speed-up that the elite has at each checkpoint."""
    engine = engine_on(landscape, seed, variation, checkpoints[-1])
    shares: list[float] = []
    while (proposal := engine.ask()) is not None:
        candidate = await make(proposal, engine)
        engine.tell(candidate, await _verdict(engine, landscape, candidate))
        if len(engine.individuals) >= checkpoints[len(shares)] and engine.elite is not None:
            shares.append(float(engine.elite.fitness.values[1]) / landscape.optimum)
    return shares


async def _verdict(engine: Engine, landscape: Landscape, candidate: Candidate) -> Evaluation:
    if candidate.kernel is None:
        return malformed(candidate, engine.source, engine.device)
    return engine.known(candidate) or await landscape.evaluate(candidate.kernel, engine.task)


def searched(name: str, checkpoints: Sequence[int], seed: int) -> dict[str, list[float]]:
    """Return what every variation reaches on one landscape, at each checkpoint."""
    place = landscape_of(name, seed)
    return {
        name_of: asyncio.run(reached(place, seed, each, checkpoints if each.longer else checkpoints[:1]))
        for name_of, each in VARIATIONS.items()
        if each.only in (None, name)
    }


def interval(differences: NDArray[np.float64]) -> tuple[float, float]:
    """Return the bootstrap 95% interval of the mean (percentiles of resampled means)."""
    drawn = np.random.default_rng(0).choice(differences, (RESAMPLES, len(differences)))
    low, high = np.percentile(drawn.mean(axis=1), [2.5, 97.5])
    return float(low), float(high)


Shares = Mapping[str, NDArray[np.float64]]
"""The share reached for each seed, by variation."""


def compared(where: str, shares: Shares) -> dict[str, Any]:
    """Print and return how the variations did against the plain search."""
    plain = shares[PLAIN]
    print(f"{where:22}{PLAIN:36}{plain.mean():7.3f}", flush=True)
    figures: dict[str, Any] = {PLAIN: round(float(plain.mean()), 4)}
    for variation, told in shares.items():
        if variation == PLAIN:
            continue
        difference = float((told - plain).mean())
        low, high = interval(told - plain)
        word = "pays" if low > 0 else "costs" if high < 0 else ""
        print(
            f"{where:22}{variation:36}{told.mean():7.3f}{difference:+8.3f}  [{low:+.3f}, {high:+.3f}] {word}",
            flush=True,
        )
        figures[variation] = {
            "share": round(float(told.mean()), 4),
            "difference": round(difference, 4),
            "low": round(low, 4),
            "high": round(high, 4),
            "optimum_found": int((told > 1 - 1e-9).sum()),
        }
    return figures


def main(seeds: int, processes: int) -> None:
    """Measure and write the result."""
    begun = time.monotonic()
    print("share of the optimum's log2 speed-up; difference to the plain search with its 95% interval")
    shares: dict[int, dict[str, Shares]] = {evaluations: {} for evaluations in CHECKPOINTS}
    figures: dict[str, dict[str, Any]] = {f"{evaluations} evaluations": {} for evaluations in CHECKPOINTS}
    with spawned(processes) as pool:
        for name in (*LANDSCAPES, EVERYWHERE):
            told = (
                []
                if name == EVERYWHERE
                else list(pool.map(partial(searched, name, CHECKPOINTS), range(seeds)))
            )
            for place, (evaluations, seen) in enumerate(shares.items()):
                seen[name] = _shares(told, place) if told else _pooled(list(seen.values()))
                figures[f"{evaluations} evaluations"][name] = compared(f"{name} {evaluations}", seen[name])
            print(f"after {time.monotonic() - begun:.0f} s", flush=True)
    print(write_results("landscape", {"seeds": seeds, **figures}))


def _shares(told: Sequence[Mapping[str, Sequence[float]]], place: int) -> Shares:
    """Return the shares of all seeds at one checkpoint, of the variations that came to it."""
    return {
        variation: np.array([each[variation][place] for each in told])
        for variation, reached_shares in told[0].items()
        if len(reached_shares) > place
    }


def _pooled(everywhere: Sequence[Shares]) -> Shares:
    """Return the shares of those variations that ran on every landscape, put together."""
    return {
        variation: np.concatenate([each[variation] for each in everywhere])
        for variation in everywhere[0]
        if all(variation in each for each in everywhere)
    }


def _numbers(arguments: Sequence[str]) -> Iterator[int]:
    """Yield seeds and processes."""
    yield int(arguments[0]) if arguments else SEEDS
    yield int(arguments[1]) if len(arguments) > 1 else 2


if __name__ == "__main__":
    main(*_numbers(sys.argv[1:]))
