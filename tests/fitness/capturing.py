"""Captures entry points in this process, on fake tensors."""

from __future__ import annotations

import textwrap

from fitness.capture import capture
from fitness.messages import CaptureReply, CaptureRequest, Captures, Refused
from fitness.plan import Captured, InputSpec, Plan, TensorSpec

HEAD = """import torch
import triton
import triton.language as tl

@triton.jit
def copy(x, y, n, B: tl.constexpr):
    at = tl.program_id(0) * B + tl.arange(0, B)
    tl.store(y + at, tl.load(x + at, mask=at < n), mask=at < n)

"""
HEAD_LINES = HEAD.count("\n")


def spec(*shape: int, dtype: str = "float32", stride: tuple[int, ...] | None = None) -> TensorSpec:
    """Return a contiguous tensor's spec, unless strides are given."""
    strides, size = [], 1
    for each in reversed(shape):
        strides.append(size)
        size *= max(each, 1)
    return TensorSpec(shape=shape, stride=stride or tuple(reversed(strides)), dtype=dtype)


VECTOR = spec(64)


def request(body: str, *inputs: InputSpec, arch: str = "gfx942", head: str = HEAD) -> CaptureRequest:
    """Return a request to capture `entry` of a module: the head, then the body."""
    return CaptureRequest(
        source=head + textwrap.dedent(body), entry_point="entry", arch=arch,
        workloads=(("w", inputs or (VECTOR,)),),
    )  # fmt: skip


def reply_to(body: str, *inputs: InputSpec, arch: str = "gfx942", head: str = HEAD) -> CaptureReply:
    return capture(request(body, *inputs, arch=arch, head=head))


def captured(body: str, *inputs: InputSpec, arch: str = "gfx942", head: str = HEAD) -> Captured:
    reply = reply_to(body, *inputs, arch=arch, head=head)
    assert isinstance(reply, Captures), reply
    (only,) = reply.captured
    return only


def plan_of(body: str, *inputs: InputSpec, arch: str = "gfx942", head: str = HEAD) -> Plan:
    """Return the first alternative."""
    return captured(body, *inputs, arch=arch, head=head).alternatives[0]


def refused(body: str, *inputs: InputSpec, arch: str = "gfx942", head: str = HEAD) -> Refused:
    reply = reply_to(body, *inputs, arch=arch, head=head)
    assert isinstance(reply, Refused), reply
    return reply
