"""Requests to the capture, compiler and oracle rooms and their replies: data only, no torch."""

from __future__ import annotations

import hashlib

import msgspec

from evo.evaluation import Status
from evo.task import Task, Workload
from fitness.global_accesses import Widths
from fitness.plan import Captured, InputData, InputSpec, Plan, TensorData


class CaptureRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Capture `entry_point` of `source` on each workload, for the device of architecture `arch`."""

    source: str
    entry_point: str
    arch: str
    workloads: tuple[tuple[str, tuple[InputSpec, ...]], ...]


class Captures(msgspec.Struct, frozen=True, tag="captures"):
    """One capture a workload, in the order of the request."""

    captured: tuple[Captured, ...]


class Refused(msgspec.Struct, frozen=True, tag="refused"):
    """Why there is no plan."""

    status: Status
    feedback: str


CaptureReply = Captures | Refused


class CompileRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Check and compile every kernel of the plans, for the device of architecture `arch`."""

    arch: str
    plans: tuple[Plan, ...]


class Binary(msgspec.Struct, frozen=True, kw_only=True):
    """One compiled kernel.

    Attributes:
        kernel: digest of the IR that it was made from.
        name: the symbol to launch.
        code: cubin or hsaco.
        warps: warps a program.
        shared_bytes: dynamic shared memory (LDS) a program.
        registers, spills: a thread; AMD's count holds the AGPRs too.
        scratch_bytes: global scratch a program asks of an allocator.
        parameters: the types of its run-time parameters as Triton IR names them, such as `!tt.ptr<f32>`.
        widths: how wide its accesses to global memory are.
    """

    kernel: str
    name: str
    code: bytes
    warps: int
    shared_bytes: int
    registers: int
    spills: int
    scratch_bytes: int
    parameters: tuple[str, ...]
    widths: Widths = Widths()

    @property
    def digest(self) -> str:
        """SHA-256 of the code, in hex."""
        return hashlib.sha256(self.code).hexdigest()


class Unbuilt(msgspec.Struct, frozen=True):
    """Why the kernel of this digest has no binary."""

    kernel: str
    status: Status
    feedback: str


class Compiled(msgspec.Struct, frozen=True, tag="compiled"):
    """One binary, or the reason why there is none, a distinct kernel."""

    binaries: tuple[Binary, ...]
    unbuilt: tuple[Unbuilt, ...] = ()


class CompileFault(msgspec.Struct, frozen=True, tag="fault"):
    """Why there are no binaries: plans or IR are not what honest capture makes."""

    status: Status
    feedback: str


CompileReply = Compiled | CompileFault


NORMAL = "normal"
"""The family of inputs as the task's reference makes them."""


class Case(msgspec.Struct, frozen=True):
    """One correctness check: a workload, a family of inputs and a seed of 63 bits."""

    workload: Workload
    family: str
    seed: int

    @property
    def name(self) -> str:
        """Workload and family, as feedback names them."""
        return f"{self.workload.name}/{self.family}"


class DescribeRequest(msgspec.Struct, frozen=True, tag="describe"):
    """Say what the inputs of every workload of a task look like."""

    task: Task


class PrepareRequest(msgspec.Struct, frozen=True, tag="prepare"):
    """Make the inputs of some cases."""

    task: Task
    cases: tuple[Case, ...]


class CompareRequest(msgspec.Struct, frozen=True, tag="compare"):
    """Say which outputs are correct: `outputs[i]` are those of `cases[i]`."""

    task: Task
    cases: tuple[Case, ...]
    outputs: tuple[tuple[TensorData, ...], ...]


class ExamineRequest(msgspec.Struct, frozen=True, tag="examine"):
    """Say what is wrong with a task, as its own reference shows."""

    task: Task


class Description(msgspec.Struct, frozen=True):
    """The inputs of a workload.

    Attributes:
        workload: its name.
        specs: shape, strides and dtype of each.
        data: the values of those that are not floating point (indices, lengths), None for the others.
        mutated: indices of those that the entry point changes in place.
    """

    workload: str
    specs: tuple[InputSpec, ...]
    data: tuple[InputData, ...]
    mutated: tuple[int, ...]


OracleRequest = DescribeRequest | PrepareRequest | CompareRequest | ExamineRequest
