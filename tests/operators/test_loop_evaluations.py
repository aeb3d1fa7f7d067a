"""What the real evaluator says of kernels whose loops, grids or launches were changed; its rooms are real."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator

import libcst as cst
import pytest

from evo.candidate import Kernel
from evo.evaluation import Status
from evo.task import Task
from experiments.build import open_evaluator
from experiments.suites.loader import load_task
from fitness.settings import FitnessSettings
from operators.rewrites.family import Backend
from operators.rewrites.loop_options import LoopOptions
from operators.rewrites.persistent import Persistent
from operators.rewrites.program_order import ProgramOrder
from operators.rewrites.several_rows import SeveralRows
from operators.rewrites.split_k import SplitK
from tests.operators.loop_tasks import REFERENCES, loop_task

SAMPLE = 2  # kernels in every run of the tests; which ones changes with what the families make
TARGETS: tuple[tuple[str, Backend], ...] = (("gfx942", "hip"), ("sm_90", "cuda"))


def task_of(name: str) -> Task:
    return loop_task(name) if name in REFERENCES else load_task(name)


def variants(task: Task, backend: Backend) -> Iterator[Kernel]:
    module = cst.parse_module(task.seed.source)
    for family in (LoopOptions(), Persistent(), ProgramOrder(backend), SeveralRows(), SplitK()):
        for variant in family.variants(module):
            yield Kernel(variant.source())


def faults(name: str, target: str, kernels: list[Kernel]) -> list[str]:
    """Return what was wrong with those that did not pass, nor ran into the limits that a target sets."""

    async def evaluate() -> list[str]:
        async with open_evaluator(FitnessSettings(target=target, device="model"), seed=3) as evaluator:
            task = task_of(name)
            found = [(kernel, await evaluator.evaluate(kernel, task)) for kernel in [task.seed, *kernels]]
        return [
            f"{verdict.status.name}: {verdict.feedback}\n{kernel.source}"
            for kernel, verdict in found
            if verdict.status not in (Status.PASSED, Status.OUT_OF_RESOURCES)
        ]

    return asyncio.run(evaluate())


def test_a_sample_passes():
    made = sorted(
        variants(task_of("flip"), "hip"), key=lambda each: hashlib.sha256(each.source.encode()).digest()
    )
    assert faults("flip", "gfx942", made[:SAMPLE]) == []


@pytest.mark.thorough
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("target", "backend"), TARGETS)
@pytest.mark.parametrize("name", ["flip", "softmax", *REFERENCES])
def test_every_variant_passes(name: str, target: str, backend: Backend):
    assert faults(name, target, list(variants(task_of(name), backend))) == []
