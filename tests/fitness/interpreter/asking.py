"""Requests and answers in torch's terms, for tests."""

from __future__ import annotations

import torch

from fitness.interpreter.messages import Case, CheckReply, CheckRequest, TraceReply, TraceRequest
from fitness.plan import TensorSpec
from fitness.tensors import to_input, to_tensor
from tests.fitness.interpreter.room import Ask

HEAD = "import torch\nimport triton\nimport triton.language as tl\n\n"


def check(
    room: Ask,
    source: str,
    *inputs: object,
    entry: str = "entry",
    arch: str = "gfx942",
    choice: int = 0,
    mutates: tuple[int, ...] = (),
) -> CheckReply:
    """Ask for one case named `case`; `source` lacks the imports."""
    given = tuple(to_input(each) for each in inputs)  # type: ignore[arg-type]
    request = CheckRequest(
        source=HEAD + source, entry_point=entry, arch=arch, choice=choice, cases=(Case("case", given),),
        mutates=mutates,
    )  # fmt: skip
    reply = room(request)
    assert isinstance(reply, CheckReply)
    return reply


def output(reply: CheckReply) -> torch.Tensor:
    assert reply.failure is None, reply.failure
    (only,) = reply.results[0].outputs
    return to_tensor(only.tensor)


def trace(
    room: Ask, source: str, entry: str, *inputs: TensorSpec, arch: str = "sm_90", seed: int = 0
) -> TraceReply:
    """Ask for a trace; `source` is whole."""
    reply = room(
        TraceRequest(source=source, entry_point=entry, arch=arch, choice=0, inputs=inputs, seed=seed)
    )
    assert isinstance(reply, TraceReply)
    assert reply.failure is None, reply.failure
    return reply


def spec(*shape: int, dtype: str = "float32") -> TensorSpec:
    strides = [1]
    for size in reversed(shape[1:]):
        strides.insert(0, strides[0] * size)
    return TensorSpec(shape=shape, stride=tuple(strides), dtype=dtype)
