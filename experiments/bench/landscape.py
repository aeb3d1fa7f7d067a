"""Whether each feature of the search pays, on landscapes whose optimum is known.

`python -m experiments.bench.landscape [SEEDS]`. Each search is as by default but for one feature. What counts
is the share of the optimum's log2 speed-up that the elite has after a fixed number of evaluations; features
are compared with the plain search on the same landscapes, seed by seed, with bootstrap 95% intervals of the
mean difference, on each landscape and on all together. Operators are a mutation, a crossover and, so that a
bandit has something to learn, one that forgets its parent.
"""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evo.budget import Budget
from evo.candidate import Kernel, Proposal
from evo.engine import Engine
from evo.evaluation import Evaluation
from evo.making import make
from evo.objective import Individual
from evo.protocols import Draft, Operator
from evo.settings import MOST, Mode, PopulationKind, SearchSettings, Selection
from evo.task import Task
from experiments.bench.landscapes import BITS, LANDSCAPES, Landscape, genome_of, kernel_of
from experiments.bench.results import write_results
from operators.bandit import Bandit

SEEDS = 30
EVALUATIONS = 400
RESAMPLES = 10_000
NEVER = MOST

BANDIT = "bandit over operators"
APART: Mapping[str, Any] = {"islands": 4, "population": 4, "migration_every": NEVER}
FEATURES: Mapping[str, Mapping[str, Any]] = {
    "no novelty (redraws = 0)": {"redraws": 0},
    "truncation": {"selection": Selection.TRUNCATION},
    "lexicase": {"selection": Selection.LEXICASE},
    "two elites, (mu, lambda)": {"elites": 2},
    "4 islands of 4, no migration": APART,
    "4 islands of 4, migration every 5": {**APART, "migration_every": 5},
    "4 islands of 16, migration every 5": {"islands": 4, "migration_every": 5},
    "restart after 5": {"restart_after": 5},
    "archive": {"population_kind": PopulationKind.ARCHIVE},
    "archive, parents at random": {"population_kind": PopulationKind.ARCHIVE, "tournament": 1},
    BANDIT: {},
    "steady, one at a time": {"mode": Mode.STEADY},
}


class Flips:
    """Flips one bit of the parent, and each other one with a chance of one in 16."""

    name = "flips"
    arity = 1

    def applies(self, parents: Sequence[Individual], task: Task) -> bool:  # noqa: ARG002
        """Return True."""
        return True

    async def propose(self, proposal: Proposal, parents: Sequence[Individual], task: Task) -> Draft:  # noqa: ARG002
        """Return the flipped genome."""
        rng = random.Random(proposal.key)
        [genome] = map(_genome, parents)
        flips = 1 << rng.randrange(BITS)
        flips |= sum(1 << place for place in range(BITS) if rng.randrange(BITS) == 0)
        return Draft(kernel_of(genome ^ flips), f"flipped {flips.bit_count()} bits")


class Mixes:
    """Takes each bit from either parent."""

    name = "mixes"
    arity = 2

    def applies(self, parents: Sequence[Individual], task: Task) -> bool:  # noqa: ARG002
        """Return True."""
        return True

    async def propose(self, proposal: Proposal, parents: Sequence[Individual], task: Task) -> Draft:  # noqa: ARG002
        """Return the mixed genome."""
        one, other = map(_genome, parents)
        mask = random.Random(proposal.key).getrandbits(BITS)
        return Draft(kernel_of((one & mask) | (other & ~mask)), "mixed two")


class Forgets:
    """Draws a genome afresh."""

    name = "forgets"
    arity = 1

    def applies(self, parents: Sequence[Individual], task: Task) -> bool:  # noqa: ARG002
        """Return True."""
        return True

    async def propose(self, proposal: Proposal, parents: Sequence[Individual], task: Task) -> Draft:  # noqa: ARG002
        """Return any genome."""
        return Draft(kernel_of(random.Random(proposal.key).getrandbits(BITS)), "drew afresh")


class Evenly:
    """Chooses evenly and learns nothing."""

    def choose(self, rng: random.Random, names: Sequence[str]) -> str:
        """Return any of the names."""
        return rng.choice(names)

    def credit(self, individual: Individual, parents: Sequence[Individual]) -> None:
        """Do nothing."""


def _genome(individual: Individual) -> int:
    return genome_of(individual.candidate.kernel or Kernel(""))


async def reached(landscape: Landscape, seed: int, feature: str | None) -> float:
    """Search the landscape, and return the share of the optimum's log2 speed-up that the elite has."""
    changes = FEATURES.get(feature or "", {})
    settings = SearchSettings(**{"seed": seed, "budget": Budget(evaluations=EVALUATIONS), **changes})
    operators: dict[str, Operator] = {each.name: each for each in (Flips(), Mixes(), Forgets())}
    portfolio = Bandit({}) if feature == BANDIT else Evenly()
    engine = Engine(landscape.task, settings, operators, portfolio, landscape.source, landscape.device)
    while (proposal := engine.ask()) is not None:
        candidate = await make(proposal, engine)
        assert candidate.kernel is not None
        engine.tell(candidate, await _verdict(engine, landscape, candidate.kernel))
    assert engine.elite is not None
    return float(engine.elite.fitness.values[1]) / landscape.optimum


async def _verdict(engine: Engine, landscape: Landscape, kernel: Kernel) -> Evaluation:
    return engine.known(kernel) or await landscape.evaluate(kernel, engine.task)


def interval(differences: NDArray[np.float64]) -> tuple[float, float]:
    """Return the bootstrap 95% interval of the mean (percentiles of resampled means)."""
    drawn = np.random.default_rng(0).choice(differences, (RESAMPLES, len(differences)))
    low, high = np.percentile(drawn.mean(axis=1), [2.5, 97.5])
    return float(low), float(high)


Shares = dict[str | None, NDArray[np.float64]]
"""The share reached for each seed, by feature; None stands for the plain search."""


def compared(where: str, shares: Shares) -> dict[str, Any]:
    """Print and return how the features did against the plain search."""
    plain = shares[None]
    print(f"{where:16}{'plain':36}{plain.mean():7.3f}", flush=True)
    figures: dict[str, Any] = {"plain": round(float(plain.mean()), 4)}
    for feature, reached_shares in shares.items():
        if feature is None:
            continue
        difference = float((reached_shares - plain).mean())
        low, high = interval(reached_shares - plain)
        word = "pays" if low > 0 else "costs" if high < 0 else ""
        print(
            f"{where:16}{feature:36}{reached_shares.mean():7.3f}{difference:+8.3f}"
            f"  [{low:+.3f}, {high:+.3f}] {word}",
            flush=True,
        )
        figures[feature] = {
            "share": round(float(reached_shares.mean()), 4),
            "difference": round(difference, 4),
            "low": round(low, 4),
            "high": round(high, 4),
            "optimum_found": int((reached_shares > 1 - 1e-9).sum()),
        }
    return figures


async def main(seeds: int) -> None:
    """Measure and write the result."""
    print("share of the optimum's log2 speed-up; difference to the plain search with its 95% interval")
    figures: dict[str, Any] = {"seeds": seeds, "evaluations": EVALUATIONS}
    everywhere: list[Shares] = []
    for name in LANDSCAPES:
        places = [Landscape(name, seed) for seed in range(seeds)]
        shares: Shares = {}
        for feature in (None, *FEATURES):
            told = [await reached(place, seed, feature) for seed, place in enumerate(places)]
            shares[feature] = np.array(told)
        figures[name] = compared(name, shares)
        everywhere.append(shares)
    pooled: Shares = {key: np.concatenate([each[key] for each in everywhere]) for key in everywhere[0]}
    figures["all"] = compared("all", pooled)
    print(write_results("landscape", figures))


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else SEEDS))
