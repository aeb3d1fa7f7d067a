"""Settings of the fitness."""

from __future__ import annotations

import msgspec

from evo.errors import SettingsError


class StageLimits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What each stage of the cascade may use for one candidate.

    Attributes:
        capture_cpu_seconds: running the entry point on fake tensors, all workloads.
        compile_cpu_seconds: compiling all kernels.
        check_cpu_seconds: interpreting all correctness checks.
        time_cpu_seconds: interpreting the sampled programs of one timed workload.
        memory_mib: memory of a job, in MiB.

    Raises:
        SettingsError: a limit that is not positive.
    """

    capture_cpu_seconds: float = 10.0
    compile_cpu_seconds: float = 10.0
    check_cpu_seconds: float = 10.0
    time_cpu_seconds: float = 10.0
    memory_mib: int = 16384

    def __post_init__(self) -> None:
        """Refuse a limit that nothing could keep."""
        for name in self.__struct_fields__:
            if getattr(self, name) <= 0:
                raise SettingsError(f"fitness.limits.{name} must be positive, got {getattr(self, name)}")


class FitnessSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of the fitness.

    Attributes:
        target: architecture that kernels are compiled for and latencies modelled on: `gfx942` or `sm_90`.
        limits: what each stage may use for one candidate.
    """

    target: str = "gfx942"
    limits: StageLimits = StageLimits()
