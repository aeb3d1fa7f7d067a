"""What engine and judge say to each other: data only, no torch."""

from __future__ import annotations

import msgspec

from evo.evaluation import Stage, Status
from evo.task import Task
from fitness.messages import Binary, Case
from fitness.plan import Captured


class Fingerprint(msgspec.Struct, frozen=True, kw_only=True):
    """The device that a judge measures on, and what drives it.

    Attributes:
        name: the product, as its driver calls it.
        arch: the compiler's name of the architecture, such as `sm_90`.
        backend: Triton's backend, `cuda` or `hip`.
        index: its number on this machine.
        uuid: which one of its kind; empty if unknown.
        units: compute units.
        memory_bytes: size of the device memory.
        driver: version of the driver or runtime.
        torch, triton: their versions.
    """

    name: str
    arch: str
    backend: str
    index: int
    uuid: str
    units: int
    memory_bytes: int
    driver: str
    torch: str
    triton: str

    @property
    def label(self) -> str:
        """What evaluations call the device: equal for two of a kind under one driver and one Triton."""
        return f"{self.name} ({self.arch}, driver {self.driver}, Triton {self.triton})"


ALL_FAMILIES = 1000
"""More than any task has."""


class TimingRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How latencies are measured.

    Attributes:
        blocks: paired blocks (candidate, seed, seed, candidate or the reverse) a workload, at most.
        fewest_blocks: blocks before anything is concluded.
        seconds: time for the blocks of a workload; ends them early, once there are the fewest.
        hopeless: a candidate that is surely this many times as slow as the seed, or as the best kernel so
            far, gets no further blocks.
        precise: blocks end once the interval of the log ratio is so narrow on both sides; 0 makes all blocks.
        checked_calls: timed calls a workload whose outputs are checked among the fewest blocks; unless it is
            0, each further block has one with the chance of one in the fewest blocks.
        trials: timed calls of each autotune alternative before one is picked.
        short_us: kernels shorter than this many microseconds are timed warm, many calls at once.
        families: kinds of inputs, drawn anew, that a kernel meets at the timed sizes too.
    """

    blocks: int = 24
    fewest_blocks: int = 8
    seconds: float = 2.0
    hopeless: float = 1.05
    precise: float = 0.003
    checked_calls: int = 3
    trials: int = 5
    short_us: float = 20.0
    families: int = 2

    def in_full(self) -> TimingRules:
        """Return rules that leave nothing out: for a kernel that others will stand on."""
        return msgspec.structs.replace(self, precise=0.0, families=ALL_FAMILIES)


class Open(msgspec.Struct, frozen=True, tag="open"):
    """Engine to judge, the first message: take this device (`cuda:0`, `rocm:0`)."""

    device: str


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """A kernel as data.

    Attributes:
        captured: what its entry point does on each workload.
        binaries: its compiled kernels.
    """

    captured: tuple[Captured, ...]
    binaries: tuple[Binary, ...]


class Checks(msgspec.Struct, frozen=True):
    """Cases to check under one autotune choice."""

    choice: int
    cases: tuple[Case, ...]


class Ask(msgspec.Struct, frozen=True, kw_only=True, tag="ask"):
    """Judge a candidate beside the task's seed kernel.

    Attributes:
        number: comes back with every answer.
        task: with its reference.
        mutated: indices of the inputs that the entry point changes in place.
        candidate: what is judged.
        baseline: the task's seed kernel; equal to the candidate in an A/A run.
        checks: correctness checks, all of them.
        seed: what timed calls draw their inputs from, 63 bits.
        rules: how to measure.
        best: log ratio of the best kernel so far to the seed, by timed workload; nothing where none counts.
    """

    number: int
    task: Task
    mutated: tuple[int, ...]
    candidate: Subject
    baseline: Subject
    checks: tuple[Checks, ...]
    seed: int
    rules: TimingRules
    best: dict[str, float] = {}


class Telemetry(msgspec.Struct, frozen=True, kw_only=True):
    """What the device says of itself at one moment; None where it does not."""

    clock_mhz: int | None = None
    memory_clock_mhz: int | None = None
    celsius: int | None = None
    watts: float | None = None


class Timing(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured on one workload.

    Attributes:
        workload: its name.
        choice: the autotune alternative that was picked and timed.
        baseline_ms: the seed kernel's median latency in this measurement, in milliseconds.
        log_ratios: natural logarithm of candidate over seed, one a block.
        calls: timed calls of the candidate behind them.
        warm: whether many calls were timed at once, on a warm cache.
        late: timed calls, of both kernels, that the device may have waited for.
        tuning_seconds: what picking the alternative took.
        before, after: what the device said of itself.
    """

    workload: str
    choice: int
    baseline_ms: float
    log_ratios: tuple[float, ...]
    calls: int
    warm: bool
    late: int = 0
    tuning_seconds: float
    before: Telemetry = Telemetry()
    after: Telemetry = Telemetry()


class Ready(msgspec.Struct, frozen=True, tag="ready"):
    """Judge to engine: the device works. `anchor_ms` is what a plain copy of fixed size took."""

    fingerprint: Fingerprint
    anchor_ms: float


class Unfit(msgspec.Struct, frozen=True, tag="unfit"):
    """Judge to engine: it cannot measure on this device."""

    reason: str


class Began(msgspec.Struct, frozen=True, tag="began"):
    """Judge to engine: the device is held for the request now, at this stage."""

    number: int
    stage: Stage


class Judged(msgspec.Struct, frozen=True, kw_only=True, tag="judged"):
    """Judge to engine: all checks passed.

    Attributes:
        number: of the request.
        checks: how many.
        repeats: whether every check gave the same bits when it was run again.
        timings: one a timed workload.
        held_seconds: how long the device was held.
    """

    number: int
    checks: int
    repeats: bool
    timings: tuple[Timing, ...]
    held_seconds: float


class Refused(msgspec.Struct, frozen=True, kw_only=True, tag="refused"):
    """Judge to engine: the candidate failed.

    Attributes:
        number: of the request.
        status, stage, feedback: as in `Evaluation`.
        checks_passed, checks_total: correctness checks.
        ends: whether this process ends over it, since the device's context is lost.
    """

    number: int
    status: Status
    stage: Stage
    feedback: str
    checks_passed: int = 0
    checks_total: int = 0
    ends: bool = False


class Unable(msgspec.Struct, frozen=True, tag="unable"):
    """Judge to engine: it cannot judge, through no fault of the candidate."""

    number: int
    reason: str


ToJudge = Open | Ask
FromJudge = Ready | Unfit | Began | Judged | Refused | Unable
