"""What the witness, the process that runs a kernel directly, is asked and says: data only, no torch."""

from __future__ import annotations

import msgspec

from fitness.plan import InputData, InputSpec, TensorData


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """A timed workload: its inputs are made by the witness, of normal numbers where no values are given.

    Attributes:
        workload: its name.
        specs: shape, strides and dtype of each input.
        data: values of those that are not floating point, None for the others.
    """

    workload: str
    specs: tuple[InputSpec, ...]
    data: tuple[InputData, ...]


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """Run this.

    Attributes:
        source, entry_point: the kernel's module and the function in it.
        device: where, as torch calls it.
        mutated: indices of the inputs that the entry point changes in place.
        cases: the inputs of each correctness check.
        trials: the timed workloads.
        flush_bytes: what must be read and written for nothing to be left in the last-level cache.
        calls: timed calls a workload.
    """

    source: str
    entry_point: str
    device: str
    mutated: tuple[int, ...]
    cases: tuple[tuple[InputData, ...], ...]
    trials: tuple[Trial, ...]
    flush_bytes: int
    calls: int = 20


class Latency(msgspec.Struct, frozen=True, kw_only=True):
    """Milliseconds of a call, median: each on a flushed cache, and many in a row."""

    workload: str
    cold_ms: float
    warm_ms: float


class Evidence(msgspec.Struct, frozen=True, kw_only=True, tag="evidence"):
    """What came out of each case (changed inputs first), and how long each trial took."""

    outputs: tuple[tuple[TensorData, ...], ...]
    latencies: tuple[Latency, ...]


class Broke(msgspec.Struct, frozen=True, tag="broke"):
    """The module raised, and what."""

    reason: str


Said = Evidence | Broke
