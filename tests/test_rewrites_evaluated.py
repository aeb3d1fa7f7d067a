"""Rewrites of the tasks' seeds, as the evaluator that needs no GPU judges them."""

from __future__ import annotations

import asyncio

import pytest

from evo.candidate import Kernel
from evo.evaluation import Status
from experiments.build import open_evaluator
from experiments.suites.loader import load_task
from fitness.settings import FitnessSettings
from tests.operators.variants import sample, variants_of

SAMPLED = {"flip": 2, "softmax": 1}


def judged(variants: dict[str, dict[str, str]]) -> None:
    """Judge variants of tasks' seeds; what is turned down is so for its precision, and says why."""

    async def judge() -> None:
        async with open_evaluator(FitnessSettings(device="model"), seed=3) as evaluator:
            for task in map(load_task, variants):
                for name, source in variants[task.name].items():
                    evaluation = await evaluator.evaluate(Kernel(source), task)
                    if evaluation.status not in (Status.PASSED, Status.DUPLICATE):
                        assert name.startswith("precision: "), f"{name}: {evaluation}"
                        assert evaluation.feedback

    asyncio.run(judge())


def every_variant(task_name: str) -> dict[str, str]:
    return dict(variants_of(load_task(task_name).seed.source, "hip"))


def test_a_sample_passes():
    judged({name: sample(every_variant(name), count) for name, count in SAMPLED.items()})


@pytest.mark.thorough
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("task_name", SAMPLED)
def test_all_of_them_pass(task_name: str):
    judged({task_name: every_variant(task_name)})
