"""Latencies of variants that a GPU box measured: the file that `measure_variants` writes."""

from __future__ import annotations

import msgspec

PASSED = "passed"


class Built(msgspec.Struct, frozen=True):
    """What one binary of a variant took of the device."""

    kernel: str
    registers: int
    spills: int
    shared_bytes: int


class MeasuredVariant(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one variant.

    Attributes:
        family, label, digest: which kernel, which variant of it, and its source's SHA-256.
        status: `passed`, or what went wrong: `compile_error`, `wrong`, `failed`, `crashed`.
        feedback: what went wrong, in words; empty if it passed.
        median_ms, low_ms, high_ms: median of the cold calls with its 99% interval; 0 unless it passed.
        samples: calls that were timed.
        binaries: what its binaries took.
    """

    family: str
    label: str
    digest: str
    status: str
    feedback: str = ""
    median_ms: float = 0.0
    low_ms: float = 0.0
    high_ms: float = 0.0
    samples: int = 0
    binaries: tuple[Built, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether there is a latency."""
        return self.status == PASSED


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """All variants that one device measured.

    Attributes:
        device, driver, torch, triton, date: where and when.
        rounds: cold calls of each variant.
        flushed_bytes: what was written between two calls to empty the last-level cache.
        variants: one entry a variant.
    """

    device: str
    driver: str
    torch: str
    triton: str
    date: str
    rounds: int
    flushed_bytes: int
    variants: tuple[MeasuredVariant, ...]

    def of(self, family: str) -> dict[str, MeasuredVariant]:
        """Return the variants of a kernel by label."""
        return {each.label: each for each in self.variants if each.family == family}
