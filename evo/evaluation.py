"""Evaluation: what the fitness says of a candidate. Illegal combinations cannot be constructed."""

from __future__ import annotations

import math
from enum import IntEnum, StrEnum

import msgspec


class Status(StrEnum):
    """How an evaluation ended."""

    PASSED = "PASSED"
    MALFORMED = "MALFORMED"
    REJECTED = "REJECTED"
    DUPLICATE = "DUPLICATE"
    UNSUPPORTED = "UNSUPPORTED"
    COMPILE_ERROR = "COMPILE_ERROR"
    OUT_OF_RESOURCES = "OUT_OF_RESOURCES"
    CRASHED = "CRASHED"
    TIMEOUT = "TIMEOUT"
    WRONG = "WRONG"


class Stage(IntEnum):
    """The stages of the cascade, cheapest first; an evaluation names the one that ended it."""

    PROPOSE = 0
    POLICY = 1
    CAPTURE = 2
    COMPILE = 3
    CHECK = 4
    TIME = 5


class Source(StrEnum):
    """Where a verdict and its latencies come from: a GPU, or the cost model and the interpreter."""

    MEASURED = "measured"
    MODELLED = "modelled"


class Bound(StrEnum):
    """What limits a launch: bytes, arithmetic, waiting for loads, or launching itself."""

    MEMORY = "memory"
    COMPUTE = "compute"
    LATENCY = "latency"
    OVERHEAD = "overhead"


class Measurement(msgspec.Struct, frozen=True, kw_only=True):
    """Latency of one kernel on one workload.

    Attributes:
        workload: the workload's name.
        latency_ms: milliseconds of one call of the entry point, host work excluded.
        low_ms, high_ms: bounds of the 99% interval; both equal the latency where it is modelled.
        samples: timed calls behind the figure (sampled grid programs where it is modelled).
        source: `measured` or `modelled`.
        device: the device that was measured or modelled.

    Raises:
        ValueError: a latency that is not positive and finite, or outside its own bounds.
    """

    workload: str
    latency_ms: float
    low_ms: float
    high_ms: float
    samples: int
    source: Source
    device: str

    def __post_init__(self) -> None:
        """Refuse a latency that cannot be one."""
        if not 0 < self.low_ms <= self.latency_ms <= self.high_ms < math.inf:
            raise ValueError(
                "a measurement needs 0 < low <= latency <= high < inf in ms, "
                f"got {self.low_ms}, {self.latency_ms}, {self.high_ms} for workload {self.workload!r}"
            )


class Resources(msgspec.Struct, frozen=True, kw_only=True):
    """What one compiled GPU kernel takes of its target.

    Attributes:
        kernel: name of the `@triton.jit` function.
        registers: registers (VGPRs, AGPRs included, on AMD) a thread.
        spills: registers spilled to memory a thread.
        shared_bytes: shared memory (LDS) a program.
        warps: warps (wavefronts) a program.
        occupancy: resident warps over the most the target can hold, 0 to 1.
        bound: what limits it for most of its time on the timed workloads; None where that is not known.
        tile: elements of the largest block of values that a program holds; 0 where that is not known.
    """

    kernel: str
    registers: int
    spills: int
    shared_bytes: int
    warps: int
    occupancy: float
    bound: Bound | None = None
    tile: int = 0


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """What an evaluation cost; it differs from run to run and is no part of any identity.

    Attributes:
        cpu_seconds: CPU time of all processes that worked on it.
        wall_seconds: time from the start of its first stage to the end of its last.
        gpu_seconds: time that a GPU was held for it.
        stage_seconds: time that passed in each stage that it came to, by the stage's name in small letters;
            what was found for another kernel cost nothing here.
    """

    cpu_seconds: float = 0.0
    wall_seconds: float = 0.0
    gpu_seconds: float = 0.0
    stage_seconds: dict[str, float] = {}


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """What the fitness says of a candidate.

    Attributes:
        status: how it ended.
        stage: the stage of the cascade that ended it; `TIME` if it passed.
        source: `measured` or `modelled`; of the verdict and of every measurement.
        device: the device that was measured or modelled.
        feedback: what went wrong, for whoever repairs it: the compiler's own message, the line, the workload;
            of a kernel that passed, what is worth knowing of its measurement.
        checks_passed, checks_total: correctness checks.
        measurements: one a timed workload; empty unless it passed.
        resources: one a compiled GPU kernel of the timed workloads.
        plan_digest: identity of what the entry point does on all workloads, once it was captured.
        duplicate_of: number of the candidate that this one repeats.
        cached: whether the verdict came from a cache that runs share.
        cost: what it cost.

    Raises:
        ValueError: measurements without PASSED, PASSED without measurements, mixed sources or devices.
    """

    status: Status
    stage: Stage
    source: Source
    device: str
    feedback: str = ""
    checks_passed: int = 0
    checks_total: int = 0
    measurements: tuple[Measurement, ...] = ()
    resources: tuple[Resources, ...] = ()
    plan_digest: str | None = None
    duplicate_of: int | None = None
    cached: bool = False
    cost: Cost = Cost()

    def __post_init__(self) -> None:
        """Refuse what cannot be true."""
        if (self.status is Status.PASSED) != bool(self.measurements):
            raise ValueError(
                f"an evaluation has measurements if and only if it PASSED, "
                f"got {self.status} with {len(self.measurements)} measurements"
            )
        if (self.status is Status.DUPLICATE) != (self.duplicate_of is not None):
            raise ValueError(f"duplicate_of goes with DUPLICATE, got {self.status} and {self.duplicate_of}")
        if not 0 <= self.checks_passed <= self.checks_total:
            raise ValueError(f"checks passed must be 0 to {self.checks_total}, got {self.checks_passed}")
        for measurement in self.measurements:
            if (measurement.source, measurement.device) != (self.source, self.device):
                raise ValueError(
                    f"measurements must be {self.source} on {self.device}, "
                    f"got {measurement.source} on {measurement.device}"
                )

    @property
    def passed(self) -> bool:
        """Whether the candidate is correct and has latencies."""
        return self.status is Status.PASSED

    def as_duplicate_of(self, number: int) -> Evaluation:
        """Return this evaluation as that of a candidate which repeats candidate `number`."""
        return msgspec.structs.replace(
            self, status=Status.DUPLICATE, duplicate_of=number, measurements=(), resources=(),
            feedback=f"repeats candidate {number}",
        )  # fmt: skip
