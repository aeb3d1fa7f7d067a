"""The oracle room's handler: runs the task's trusted reference. No candidate code ever runs here.

It makes inputs from seeds, and later says whether outputs are correct: it computes what is expected only
after the outputs are in, from the same seeds, so that the expectation never exists beside a candidate.
"""

from __future__ import annotations

import functools
import inspect
import types
from typing import Any

import msgspec
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from evo.task import Task, Workload
from fitness.comparison import fault_of
from fitness.families import apply_family
from fitness.messages import Case, CompareRequest, DescribeRequest, Description, OracleRequest, PrepareRequest
from fitness.plan import InputData, Number, TensorData
from fitness.tensors import to_input, to_spec, to_tensor

Inputs = tuple[torch.Tensor | Number | None, ...]


def handle(payload: bytes) -> bytes:
    """Decode an `OracleRequest` and encode its answer, one entry a workload or a case."""
    request = msgspec.msgpack.decode(payload, type=OracleRequest)
    answer: Any
    match request:
        case DescribeRequest(task):
            answer = [_describe(task, each) for each in task.workloads]
        case PrepareRequest(task, cases):
            answer = [[to_input(each) for each in _inputs(task, case)] for case in cases]
        case CompareRequest(task, cases, outputs):
            answer = [_fault(task, case, each) for case, each in zip(cases, outputs, strict=True)]
    return msgspec.msgpack.encode(answer)


@functools.lru_cache(maxsize=8)
def _module(source: str) -> types.ModuleType:
    """Return the reference module of a task."""
    module = types.ModuleType("reference")
    exec(compile(source, "reference.py", "exec"), module.__dict__)
    return module


def _describe(task: Task, workload: Workload) -> Description:
    """Return what a workload's inputs look like; only inputs that are not floating point are really made."""
    make = _module(task.reference).make_inputs
    with FakeTensorMode():
        inputs = make(workload, torch.Generator(), "cpu")
        specs = tuple(to_spec(each) for each in inputs)
    values: tuple[InputData, ...] = (None,) * len(specs)
    if any(isinstance(each, torch.Tensor) and not each.is_floating_point() for each in inputs):
        real = make(workload, torch.Generator().manual_seed(0), "cpu")
        values = tuple(
            None if isinstance(each, torch.Tensor) and each.is_floating_point() else to_input(each)
            for each in real
        )
    names = list(inspect.signature(_module(task.reference).reference).parameters)
    mutated = tuple(names.index(name) for name in task.mutates)
    return Description(workload=workload.name, specs=specs, data=values, mutated=mutated)


def _inputs(task: Task, case: Case) -> Inputs:
    """Return a case's inputs; the same seed makes the same inputs."""
    generator = torch.Generator().manual_seed(case.seed)
    made: Inputs = tuple(_module(task.reference).make_inputs(case.workload, generator, "cpu"))
    return apply_family(case.family, made, generator)


def _fault(task: Task, case: Case, outputs: tuple[TensorData, ...]) -> str | None:
    """Return what is wrong with a case's outputs, or None if they are correct."""
    rounded = _expected(task, _inputs(task, case))
    exact = _expected(task, tuple(_widened(each) for each in _inputs(task, case)))
    if len(outputs) != len(rounded):
        return f"{case.name}: {len(rounded)} outputs are expected, got {len(outputs)}"
    for number, (told, own, wide) in enumerate(zip(outputs, rounded, exact, strict=True)):
        try:
            output = to_tensor(told)
        except ValueError as error:
            return f"{case.name}: output {number}: {error}"
        fault = fault_of(output, wide, own, task.tolerance)
        if fault:
            return f"{case.name}: output {number}: {fault}"
    return None


def _expected(task: Task, inputs: Inputs) -> tuple[torch.Tensor, ...]:
    """Return the reference's outputs; for a task that works in place, the changed inputs come first."""
    module = _module(task.reference)
    returned = module.reference(*inputs)
    outputs = () if returned is None else returned if isinstance(returned, tuple | list) else (returned,)
    return tuple(outputs)


def _widened(value: torch.Tensor | Number | None) -> torch.Tensor | Number | None:
    """Return a floating tensor in float64, anything else as it is."""
    return value.double() if isinstance(value, torch.Tensor) and value.is_floating_point() else value
