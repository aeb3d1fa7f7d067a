"""Task: what to compute. Data only; no torch is needed to read one."""

from __future__ import annotations

import hashlib
from enum import StrEnum

import msgspec

from evo.candidate import Kernel


class Role(StrEnum):
    """What a workload is for."""

    CHECK = "check"
    TIME = "time"


class Workload(msgspec.Struct, frozen=True, kw_only=True):
    """One set of input shapes and dtypes of a task.

    Attributes:
        name: unique within the task.
        role: `check` workloads decide correctness, `time` workloads latency.
        dtype: torch's name of the floating dtype, such as `float32`.
        sizes: the named sizes that `make_inputs` of the task's reference reads.
        bytes: bytes that any kernel must read and write at least, cold.
        flops: floating-point operations that any kernel must do at least.
    """

    name: str
    role: Role
    dtype: str
    sizes: dict[str, int]
    bytes: int
    flops: int


class Tolerance(msgspec.Struct, frozen=True, kw_only=True):
    """How close is correct.

    Attributes:
        exact: results must match the reference bit for bit (copies, integers).
        rms_multiple: accepted RMS error as a multiple of the error of the reference computed in the
            workload's own dtype; None takes 2, or 3 for 16-bit dtypes.
        max_multiple: the same for the largest error of any element.
        off_by_one: share of an integer output's elements that may be off by one, where real numbers near a
            half may be rounded either way; 0 for whole numbers that are exact.
    """

    exact: bool = False
    rms_multiple: float | None = None
    max_multiple: float = 8.0
    off_by_one: float = 0.0


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """What to compute: an instruction, an entry point, a reference, workloads and a seed kernel.

    Attributes:
        name: the task's folder name.
        instruction: what the kernel must do, in words.
        entry_point: name of the function that a kernel module must define.
        level: difficulty, 1 to 5.
        workloads: at least one to check and one to time.
        families: names of the input families that check workloads draw from beside `normal`.
        tolerance: how close is correct.
        mutates: names of the inputs that the entry point changes in place.
        reference: source of the trusted torch module (`make_inputs`, `reference`, optional `baseline`).
        seed: a plain, correct kernel; speed-ups are over it.
    """

    name: str
    instruction: str
    entry_point: str
    level: int
    workloads: tuple[Workload, ...]
    reference: str
    seed: Kernel
    families: tuple[str, ...] = ()
    tolerance: Tolerance = Tolerance()
    mutates: tuple[str, ...] = ()

    def having(self, role: Role) -> tuple[Workload, ...]:
        """Return the workloads with this role, in order."""
        return tuple(workload for workload in self.workloads if workload.role is role)

    @property
    def digest(self) -> str:
        """SHA-256 over everything that defines the task, in hex."""
        return hashlib.sha256(msgspec.json.encode(self, order="deterministic")).hexdigest()
