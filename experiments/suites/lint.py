"""Refuses degenerate tasks: those on which a search would be wasted, or could be won by doing nothing.

What the task file says is looked at here; the reference runs in the oracle room, the seed kernel through all
stages of the evaluator.
"""

from __future__ import annotations

import ast
import asyncio
import os
from collections.abc import Iterator, Sequence

import msgspec

from evo.errors import TaskError
from evo.protocols import Evaluator
from evo.task import Role, Task
from experiments.build import evaluator_in
from experiments.suites.loader import load_task
from fitness.rooms import Rooms, open_rooms
from fitness.settings import FitnessSettings
from fitness.stages import Stages

RAGGED = 8
"""A size beyond this that is no multiple of it leaves some block of a kernel partly filled."""
LONGEST = 600


class Examined(msgspec.Struct, frozen=True):
    """A task that was looked at, as it was named, and what is wrong with it; nothing if it is fit."""

    name: str
    faults: tuple[str, ...]


async def examine(names: Sequence[str], settings: FitnessSettings) -> tuple[Examined, ...]:
    """Return what is wrong with some tasks, in their order.

    Args:
        names: of tasks, or paths of their folders.
        settings: the target that seed kernels must pass on, and their limits.

    Raises:
        TargetError: a target that is not known or that the installed Triton cannot build.
        SandboxError: a room cannot start.
    """
    at_once = asyncio.Semaphore(len(os.sched_getaffinity(0)))
    async with open_rooms() as rooms, evaluator_in(rooms, settings, seed=0) as evaluator:

        async def examined(name: str) -> Examined:
            async with at_once:
                try:
                    faults = await _faults(load_task(name), rooms, evaluator, settings)
                except TaskError as error:
                    faults = [str(error)]
            return Examined(name, tuple(" ".join(each.split())[:LONGEST] for each in faults))

        return tuple(await asyncio.gather(*map(examined, names)))


async def _faults(task: Task, rooms: Rooms, evaluator: Evaluator, settings: FitnessSettings) -> list[str]:
    """Return what is wrong with a task that could be read."""
    faults = list(faults_of_file(task))
    try:
        faults += await Stages(rooms, settings.target, settings.limits).examine(task)
        evaluation = await evaluator.evaluate(task.seed, task)
    except TaskError as error:
        return [*faults, str(error)]
    if not evaluation.passed:
        faults.append(f"the seed kernel ends as {evaluation.status}: {evaluation.feedback}")
    return faults


def faults_of_file(task: Task) -> Iterator[str]:
    """Yield what is wrong with a task, as its files show without being run."""
    functions = {
        node.name: [each.arg for each in (*node.args.posonlyargs, *node.args.args)]
        for node in ast.parse(task.reference).body if isinstance(node, ast.FunctionDef)
    }  # fmt: skip
    if "baseline" not in functions:
        yield "reference.py must define baseline: what a torch user would call"
    for name in task.mutates:
        if name not in functions["reference"]:
            yield f"mutates must name parameters of reference, got {name!r}"
    checks, timed = task.having(Role.CHECK), task.having(Role.TIME)
    if all(each.sizes == checks[0].sizes for each in checks):
        yield f"check workloads must differ in their sizes, got {checks[0].sizes} alone"
    if not any(size > RAGGED and size % RAGGED for each in checks for size in each.sizes.values()):
        yield f"a check workload must be ragged: of some size over {RAGGED} that is no multiple of {RAGGED}"
    largest = max(checks, key=lambda each: each.bytes)
    for each in timed:
        if each.bytes <= largest.bytes:
            yield (
                f"timed workloads must be larger than check workloads, got {each.name} of {each.bytes} bytes "
                f"beside {largest.name} of {largest.bytes}"
            )
