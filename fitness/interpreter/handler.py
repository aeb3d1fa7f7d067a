"""The interpreter room's handler. Runs in a sandbox child, under `TRITON_INTERPRET=1`."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import msgspec

from fitness.candidate_module import load_entry_point
from fitness.devices import DEVICES, device_for
from fitness.host import HostRecord
from fitness.interpreter import session
from fitness.interpreter.check import run_case
from fitness.interpreter.failures import failure_of, violation_of
from fitness.interpreter.messages import (
    Case,
    CaseResult,
    CheckReply,
    CheckRequest,
    Failure,
    Reply,
    Request,
    TraceReply,
    TraceRequest,
)
from fitness.interpreter.tracing import Tracer
from fitness.plan import StridedData, TensorSpec

WARM_UP = """
import torch
import triton
import triton.language as tl

@triton.jit
def kernel(x, y, n, BLOCK: tl.constexpr):
    at = tl.arange(0, BLOCK)
    value = tl.load(x + at, mask=at < n, other=0.0)
    tl.store(y + at, value / tl.sum(value, axis=0), mask=at < n)

def entry(x):
    y = torch.empty_like(x)
    kernel[(1,)](x, y, x.numel(), BLOCK=triton.next_power_of_2(x.numel()))
    return y
"""


def warm_up() -> None:
    """Check and trace a first kernel in the parent's current folder, so that children find everything loaded.

    Raises:
        RuntimeError: it failed; the process was not started with `TRITON_INTERPRET=1`, for one.
    """
    session.warm()
    spec = TensorSpec(shape=(12,), stride=(1,), dtype="float32")
    data = StridedData(spec, struct.pack("12f", *range(12)))
    for arch in DEVICES:
        checked = check(
            CheckRequest(
                source=WARM_UP, entry_point="entry", arch=arch, choice=0, cases=(Case("warm", (data,)),)
            )
        )
        traced = trace(TraceRequest(source=WARM_UP, entry_point="entry", arch=arch, choice=0, inputs=(spec,)))
        if checked.failure or traced.failure:
            raise RuntimeError(
                f"the interpreter room must run its own kernel, got {checked.failure or traced.failure}"
            )


def handle(payload: bytes) -> bytes:
    """Answer one request; whatever the candidate raises is part of the reply.

    Raises:
        msgspec.ValidationError: the payload is no request.
        TargetError: the request names an unknown target.
    """
    request: Request = msgspec.msgpack.decode(payload, type=Request)
    reply: Reply = check(request) if isinstance(request, CheckRequest) else trace(request)
    return msgspec.msgpack.encode(reply)


def check(request: CheckRequest) -> CheckReply:
    """Run the cases in order up to the first that fails."""
    device = device_for(request.arch)
    results: list[CaseResult] = []
    for case in request.cases:
        result, failure = _guarded(
            lambda record, case=case: run_case(  # type: ignore[misc]
                lambda: load_entry_point(request.source, request.entry_point),
                request, case.inputs, case.name, device, record,
            ),
            case.name,
        )  # fmt: skip
        if failure is not None:
            return CheckReply(results=tuple(results), failure=failure)
        results.append(result)
    return CheckReply(results=tuple(results))


def trace(request: TraceRequest) -> TraceReply:
    """Run sampled programs of each launch and return what they do."""
    tracer = Tracer(device_for(request.arch), request)
    _, failure = _guarded(
        lambda record: tracer.call(lambda: load_entry_point(request.source, request.entry_point), record), ""
    )
    return TraceReply(
        launches=tuple(tracer.launches), fills=tuple(tracer.fills), outputs=tracer.outputs, failure=failure
    )


def _guarded(call: Callable[[Callable[[HostRecord], None]], Any], case: str) -> tuple[Any, Failure | None]:
    """Call candidate code and return its result, or the failure that it ended with.

    This is the one boundary to candidate code, which may raise anything, `SystemExit` included.
    """
    records: list[HostRecord] = []
    try:
        result = call(records.append)
    except BaseException as error:  # noqa: BLE001
        return None, failure_of(error, case, records[0] if records else None)
    return result, violation_of(records[0] if records else None, case)
