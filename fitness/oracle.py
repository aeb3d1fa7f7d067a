"""The oracle room's handler: runs the task's trusted reference. No candidate code ever runs here.

It makes inputs from seeds, and later says whether outputs are correct: it computes what is expected only
after the outputs are in, from the same seeds, so that the expectation never exists beside a candidate.
"""

from __future__ import annotations

import inspect
from typing import Any

import msgspec
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from evo.task import Task, Workload
from fitness.messages import Case, CompareRequest, DescribeRequest, Description, OracleRequest, PrepareRequest
from fitness.plan import InputData, TensorData
from fitness.reference import fault_in, inputs_of, module_of
from fitness.tensors import to_input, to_spec, to_tensor


def handle(payload: bytes) -> bytes:
    """Decode an `OracleRequest` and encode its answer, one entry a workload or a case."""
    request = msgspec.msgpack.decode(payload, type=OracleRequest)
    answer: Any
    match request:
        case DescribeRequest(task):
            answer = [_describe(task, each) for each in task.workloads]
        case PrepareRequest(task, cases):
            answer = [[to_input(each) for each in inputs_of(task, case)] for case in cases]
        case CompareRequest(task, cases, outputs):
            answer = [_fault(task, case, each) for case, each in zip(cases, outputs, strict=True)]
    return msgspec.msgpack.encode(answer)


def _describe(task: Task, workload: Workload) -> Description:
    """Return what a workload's inputs look like; only inputs that are not floating point are really made."""
    make = module_of(task.reference).make_inputs
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
    names = list(inspect.signature(module_of(task.reference).reference).parameters)
    mutated = tuple(names.index(name) for name in task.mutates)
    return Description(workload=workload.name, specs=specs, data=values, mutated=mutated)


def _fault(task: Task, case: Case, outputs: tuple[TensorData, ...]) -> str | None:
    """Return what is wrong with a case's outputs, or None if they are correct."""
    tensors = []
    for number, each in enumerate(outputs):
        try:
            tensors.append(to_tensor(each))
        except ValueError as error:
            return f"{case.name}: output {number}: {error}"
    return fault_in(task, case, tensors)
