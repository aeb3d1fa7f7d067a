"""What the comparison of ways to search counts, and that every way keeps to its budget."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from evo.candidate import Kernel
from evo.evaluation import Evaluation
from experiments.bench.rivals import Cell, compared, steps_to, trace
from experiments.bench.ways import WAYS
from experiments.suites.loader import load_task
from tests.experiments.commanding import HashEvaluator

EVALUATIONS = 12


def test_steps_count_to_the_first_that_is_near_enough() -> None:
    assert steps_to([1.0, 0.0, 1.4, 2.0], 1.4, 4) == 3
    assert steps_to([1.0, 0.0, 1.4], 1.5, 3) == 4
    assert steps_to([1.0], 1.5, 10) == 11


def test_every_way_is_held_against_the_best_of_all() -> None:
    told = {"ours": [1.0, 2.0], "random": [1.0, 1.95], "hill_climbing": [1.0, 1.0], "optuna_tpe": [1.0, 0.0]}
    figures = compared({Cell("flip", 0, way): told.get(way, [1.0, 1.0]) for way in WAYS}, 2)
    assert figures["best_found"] == {"flip": 2.0}
    near = {way: each["median_evaluations_to_near"] for way, each in figures["ways"].items()}
    assert near == {"ours": 2, "random": 2, "hill_climbing": 3, "optuna_tpe": 3, "grid": 3}
    assert figures["ways"]["random"]["came_near"] == 1
    assert figures["ways"]["random"]["median_share_of_best"] == 0.975


@pytest.mark.parametrize("way", WAYS)
def test_a_way_keeps_to_its_budget_and_to_its_seed(way: str) -> None:
    task = load_task("flip")

    class Noting(HashEvaluator):
        def __init__(self) -> None:
            self.seen: Counter[Kernel] = Counter()

        async def evaluate(self, kernel: Kernel, task: object) -> Evaluation:
            self.seen[kernel] += 1
            return await super().evaluate(kernel, load_task("flip"))

    first, second = Noting(), Noting()
    found = asyncio.run(trace(WAYS[way], task, first, 3, EVALUATIONS))
    assert found[0] == 1.0
    assert 2 <= len(found) <= EVALUATIONS
    assert asyncio.run(trace(WAYS[way], task, second, 3, EVALUATIONS)) == found
    assert first.seen == second.seen
    assert first.seen.total() == len(found)
