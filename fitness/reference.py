"""A task's trusted reference at work: it makes inputs, and says what is wrong with outputs.

Used by the oracle room on the CPU, and by the judge; no candidate code ever runs where this does.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Sequence

import torch

from evo.task import Task
from fitness.comparison import FEW, fault_of
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
    inputs = inputs_of(task, case, device)
    wide = None if task.tolerance.exact else expected_of(task, tuple(widened(each) for each in inputs))
    rounded = expected_of(task, inputs)
    exact = rounded if wide is None else wide  # nothing is asked of it where bits must match
    if len(outputs) != len(rounded):
        return f"{case.name}: {len(rounded)} outputs are expected, got {len(outputs)}"
    few = wide is not None and any(each.numel() < FEW for each in rounded)
    moved = _moved(task, case, device, exact) if few else (None,) * len(exact)
    for number, (output, own, true, far) in enumerate(zip(outputs, rounded, exact, moved, strict=True)):
        fault = fault_of(output, true, own, task.tolerance, far if own.numel() < FEW else None)
        if fault:
            return f"{case.name}: output {number}: {fault}"
    return None


def expected_of(task: Task, inputs: Inputs) -> tuple[torch.Tensor, ...]:
    """Return the reference's outputs; for a task that works in place, the changed inputs come first."""
    returned = module_of(task.reference).reference(*inputs)
    outputs = () if returned is None else returned if isinstance(returned, tuple | list) else (returned,)
    return tuple(outputs)


def widened(value: torch.Tensor | Number | None) -> torch.Tensor | Number | None:
    """Return a floating tensor in float64, anything else as it is."""
    return value.double() if isinstance(value, torch.Tensor) and value.is_floating_point() else value


def _moved(task: Task, case: Case, device: str, exact: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    """Return how far outputs move in all when each floating input in turn moves by a unit of float32."""
    moved = tuple(torch.zeros_like(each, dtype=torch.float64) for each in exact)
    for turn, value in enumerate(inputs_of(task, case, device)):
        if not isinstance(value, torch.Tensor) or not value.is_floating_point():
            continue
        inputs = [widened(each) for each in inputs_of(task, case, device)]
        inputs[turn] = _nudged(value.double())
        nudged = expected_of(task, tuple(inputs))
        moved = tuple(
            far + (there.double() - here.double()).abs()
            for far, there, here in zip(moved, nudged, exact, strict=True)
        )
    return moved


def _nudged(values: torch.Tensor) -> torch.Tensor:
    """Return values a unit of float32 away, up and down in turn, so that no sum of them stays where it is."""
    signs = torch.ones(values.numel(), dtype=torch.float64, device=values.device)
    signs[1::2] = -1
    return values * (1 + torch.finfo(torch.float32).eps * signs.reshape(values.shape))
