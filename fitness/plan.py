"""Plan: what an entry point does for one workload, as data that any room can read and none must believe."""

from __future__ import annotations

import hashlib

import msgspec

LARGEST_PLAN_STEPS = 256
MOST_ALTERNATIVES = 16

Number = bool | int | float


class TensorSpec(msgspec.Struct, frozen=True, tag="tensor_spec"):
    """Shape, strides (both in elements) and dtype of one input of the entry point."""

    shape: tuple[int, ...]
    stride: tuple[int, ...]
    dtype: str


InputSpec = TensorSpec | Number | None


class TensorData(msgspec.Struct, frozen=True, tag="tensor"):
    """A contiguous tensor with its values.

    Attributes:
        shape, dtype: torch's name of the dtype.
        data: the elements in row-major order, packed.
    """

    shape: tuple[int, ...]
    dtype: str
    data: bytes


class StridedData(msgspec.Struct, frozen=True, tag="strided"):
    """An input tensor with its values.

    Attributes:
        spec: shape, strides and dtype that the entry point shall see.
        data: the elements in row-major order of the shape, packed, whatever the strides are.
    """

    spec: TensorSpec
    data: bytes


InputData = StridedData | Number | None


class View(msgspec.Struct, frozen=True, tag="view"):
    """A strided view of a buffer.

    Attributes:
        buffer: the buffer's number within the plan.
        offset, shape, stride: in elements of `dtype`.
        dtype: torch's name of the dtype.
    """

    buffer: int
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]
    dtype: str


Argument = View | Number | None


class Allocate(msgspec.Struct, frozen=True, tag="allocate"):
    """Make a buffer of `size_bytes` bytes."""

    buffer: int
    size_bytes: int


class Fill(msgspec.Struct, frozen=True, tag="fill"):
    """Set every element of a view to a constant, inside the timed region."""

    view: View
    value: Number


class Launch(msgspec.Struct, frozen=True, tag="launch"):
    """Launch kernel number `kernel` of the plan on a grid; `args` are its run-time arguments in order."""

    kernel: int
    grid: tuple[int, int, int]
    args: tuple[Argument, ...]


Step = Allocate | Fill | Launch


class KernelIR(msgspec.Struct, frozen=True):
    """One specialisation of a `@triton.jit` function.

    Attributes:
        name: the function's name.
        ttir: Triton IR as MLIR text without source locations, so that moved lines change no digest.
        options: the launch options that the compiler must honour, such as `num_warps`.
    """

    name: str
    ttir: str
    options: dict[str, bool | int | float | str | None]

    @property
    def digest(self) -> str:
        """SHA-256 of the IR and the options, in hex."""
        body = msgspec.json.encode((self.ttir, self.options), order="deterministic")
        return hashlib.sha256(body).hexdigest()


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What the entry point does for one workload under one choice of autotune configurations.

    Attributes:
        workload: the workload's name.
        choice: number of the autotune configuration; each autotuner takes its first where it has fewer.
        inputs: the entry point's arguments in order; tensors are views of buffers 0, 1, …
        outputs: what it returned; empty where the task works in place.
        steps: allocations, fills and launches in the order in which the host made them.
        kernels: the specialisations that the launches name.
    """

    workload: str
    inputs: tuple[Argument, ...]
    outputs: tuple[View, ...]
    steps: tuple[Step, ...]
    kernels: tuple[KernelIR, ...]
    choice: int = 0

    @property
    def launches(self) -> tuple[Launch, ...]:
        """The launches in order."""
        return tuple(step for step in self.steps if isinstance(step, Launch))


class Captured(msgspec.Struct, frozen=True, kw_only=True):
    """All that was captured of one workload: a plan for each autotune alternative, at least one."""

    workload: str
    alternatives: tuple[Plan, ...]


def plan_digest(captured: tuple[Captured, ...], binaries: dict[str, str]) -> str:
    """Return the identity of what an entry point does on all workloads: launches, grids, arguments, binaries.

    Args:
        captured: one a workload.
        binaries: digest of the compiled binary by `KernelIR.digest`; a kernel that was not compiled counts
            by its own digest.
    """
    told = [
        (plan.workload, plan.inputs, plan.outputs, plan.steps,
         [binaries.get(kernel.digest, kernel.digest) for kernel in plan.kernels])
        for each in captured
        for plan in each.alternatives
    ]  # fmt: skip
    return hashlib.sha256(msgspec.json.encode(told, order="deterministic")).hexdigest()
