"""A task's trusted reference at work: it makes inputs, and says what is wrong with outputs.

Used by the oracle room on the CPU, and by the judge; no candidate code ever runs where this does.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Sequence

import torch

from evo.task import Task
from fitness.comparison import fault_of
from fitness.families import apply_family
from fitness.messages import Case
from fitness.plan import Number

Inputs = tuple[torch.Tensor | Number | None, ...]


@functools.lru_cache(maxsize=8)
def module_of(source: str) -> types.ModuleType:
    """Return the reference module of a task."""
    module = types.ModuleType("reference")
    exec(compile(source, "reference.py", "exec"), module.__dict__)
    return module


def inputs_of(task: Task, case: Case, device: str = "cpu") -> Inputs:
    """Return a case's inputs; the same seed makes the same inputs, on one kind of device."""
    generator = torch.Generator(device).manual_seed(case.seed)
    made: Inputs = tuple(module_of(task.reference).make_inputs(case.workload, generator, device))
    return apply_family(case.family, made, generator)


def fault_in(task: Task, case: Case, outputs: Sequence[torch.Tensor], device: str = "cpu") -> str | None:
    """Return what is wrong with a case's outputs, or None if they are correct.

    What is expected is computed here and now, from the case's seed, so that it never exists beside a
    candidate.

    Args:
        task, case: what was computed.
        outputs: what came out; for a task that works in place, the changed inputs come first.
        device: where inputs were made, where the outputs are, and where the reference shall run.
    """
    rounded = _expected(task, inputs_of(task, case, device))
    exact = _expected(task, tuple(_widened(each) for each in inputs_of(task, case, device)))
    if len(outputs) != len(rounded):
        return f"{case.name}: {len(rounded)} outputs are expected, got {len(outputs)}"
    for number, (output, own, wide) in enumerate(zip(outputs, rounded, exact, strict=True)):
        fault = fault_of(output, wide, own, task.tolerance)
        if fault:
            return f"{case.name}: output {number}: {fault}"
    return None


def _expected(task: Task, inputs: Inputs) -> tuple[torch.Tensor, ...]:
    """Return the reference's outputs; for a task that works in place, the changed inputs come first."""
    returned = module_of(task.reference).reference(*inputs)
    outputs = () if returned is None else returned if isinstance(returned, tuple | list) else (returned,)
    return tuple(outputs)


def _widened(value: torch.Tensor | Number | None) -> torch.Tensor | Number | None:
    """Return a floating tensor in float64, anything else as it is."""
    return value.double() if isinstance(value, torch.Tensor) and value.is_floating_point() else value
