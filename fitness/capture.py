"""The capture room's handler: runs an entry point on fake tensors and hands out what it did, as plans.

Fake `cuda:0` tensors stand in for the inputs, a recording driver for Triton's. Compilation stops at the IR:
what a process that ran a candidate says of its binaries is worth nothing. Only data leaves the room.
"""

from __future__ import annotations

from typing import Any

import msgspec
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from triton.compiler.errors import CompilationError, CompileTimeAssertionFailure

from evo.evaluation import Status
from fitness.candidate_module import describe_fault, load_entry_point, outputs_of
from fitness.devices import device_for
from fitness.fake_gpu import FakeGpu
from fitness.host import HostRecord, HostViolation, host_rules
from fitness.messages import CaptureReply, CaptureRequest, Captures, Refused
from fitness.plan import MOST_ALTERNATIVES, Captured, InputSpec, Plan, TensorSpec
from fitness.recorder import FrontEndFault, Recorder, UnsupportedHostCode


def warm_up() -> None:
    """Compile a first kernel to IR, so that children find Triton's front end loaded."""
    source = (
        "import triton\nimport triton.language as tl\n@triton.jit\n"
        "def k(p, n, B: tl.constexpr):\n    i = tl.arange(0, B)\n"
        "    tl.store(p + i, tl.load(p + i, mask=i < n) + 1, mask=i < n)\n"
        "def f(x):\n    k[(1,)](x, x.numel(), B=16)\n"
    )
    for arch in ("gfx942", "sm_90"):
        spec = TensorSpec(shape=(8,), stride=(1,), dtype="float32")
        reply = capture(
            CaptureRequest(source=source, entry_point="f", arch=arch, workloads=(("w", (spec,)),))
        )
        assert isinstance(reply, Captures), reply


def handle(payload: bytes) -> bytes:
    """Decode a `CaptureRequest`, capture, and encode the `CaptureReply`."""
    return msgspec.msgpack.encode(capture(msgspec.msgpack.decode(payload, type=CaptureRequest)))


def capture(request: CaptureRequest) -> CaptureReply:
    """Return the captures, or why there are none; candidate faults are data here, whatever they raise."""
    captured: list[Captured] = []
    for workload, inputs in request.workloads:
        try:
            captured.append(_capture_workload(request, workload, inputs))
        except HostViolation as violation:
            return Refused(Status.REJECTED, f"workload {workload}: {violation}")
        except UnsupportedHostCode as fault:
            return Refused(Status.UNSUPPORTED, f"workload {workload}: {fault}")
        except (CompilationError, FrontEndFault) as fault:
            told = f"{describe_fault(fault)}{_place(fault, request.source)}"
            return Refused(Status.COMPILE_ERROR, f"workload {workload}: {told}")
        # The boundary of the room: whatever else a candidate raises, SystemExit too, is its own fault.
        except BaseException as fault:  # noqa: BLE001
            return Refused(Status.CRASHED, f"workload {workload}: {describe_fault(fault)}")
    return Captures(tuple(captured))


def _place(fault: BaseException, source: str) -> str:
    """Return the line of the candidate's source at which the front end stopped, in words.

    Triton counts lines from the start of the function; errors in functions that a kernel calls are causes.
    """
    told = ""
    cause: BaseException | None = fault
    while isinstance(cause, CompilationError):
        line, at = getattr(cause.node, "lineno", None), source.find(cause.src) if cause.src else -1
        if line is not None and at >= 0:
            told = f" (line {source.count(chr(10), 0, at) + line} of the module)"
        cause = cause.__cause__
    return told


def _capture_workload(request: CaptureRequest, workload: str, inputs: tuple[InputSpec, ...]) -> Captured:
    """Capture one workload, once for each autotune alternative that its own static assertions allow.

    Raises:
        CompileTimeAssertionFailure: no alternative is allowed.
    """
    alternatives: list[Plan] = []
    fault: CompileTimeAssertionFailure | None = None
    choice, trials = 0, 1
    while choice < min(trials, MOST_ALTERNATIVES):
        record = HostRecord()
        try:
            alternatives.append(_capture_alternative(request, workload, inputs, choice, record))
        except CompileTimeAssertionFailure as failure:
            fault = fault or failure
        choice, trials = choice + 1, record.trials
    if not alternatives and fault is not None:
        raise fault
    return Captured(workload=workload, alternatives=tuple(alternatives))


def _capture_alternative(
    request: CaptureRequest, workload: str, inputs: tuple[InputSpec, ...], choice: int, record: HostRecord
) -> Plan:
    """Run the entry point once and return what it did under one autotune choice."""
    recorder = Recorder(device_for(request.arch))
    with FakeTensorMode():
        arguments = [_fake(spec) for spec in inputs]
        recorded = tuple(recorder.argument(each) for each in arguments)
        try:
            with (
                recorder.listening(),
                host_rules(recorder.device, choice, "fake", recorder.observe, record),
                FakeGpu(recorder.address),
            ):
                entry = load_entry_point(request.source, request.entry_point)
                outputs = outputs_of(entry(*arguments), lambda each: isinstance(each, torch.Tensor))
        finally:
            _raise_what_was_caught(record, recorder)
        views = tuple(recorder.view(output) for output in outputs)
    return Plan(
        workload=workload, choice=choice, inputs=recorded, outputs=views,
        steps=tuple(recorder.steps), kernels=tuple(recorder.kernels),
    )  # fmt: skip


def _raise_what_was_caught(record: HostRecord, recorder: Recorder) -> None:
    """Raise what was refused, whatever host code did after the refusal.

    Raises:
        HostViolation: host code moved or computed data.
        UnsupportedHostCode: it did something that a plan cannot hold.
    """
    if record.violations:
        raise HostViolation(
            f"host code may only allocate (empty*), fill with constants and take views that move no data; "
            f"{', '.join(dict.fromkeys(record.violations))} moves or computes data outside of Triton"
        )
    if recorder.refusals:
        raise UnsupportedHostCode(recorder.refusals[0])


def _fake(spec: InputSpec) -> Any:
    """Return a fake tensor for a tensor's spec, and any other argument as it is."""
    if not isinstance(spec, TensorSpec):
        return spec
    return torch.empty_strided(spec.shape, spec.stride, dtype=getattr(torch, spec.dtype), device="cuda")
