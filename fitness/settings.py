"""Settings of the fitness."""

from __future__ import annotations

import re

import msgspec

from evo.errors import SettingsError
from fitness.judge.messages import TimingRules

DEVICE = re.compile(r"auto|(cuda|rocm):\d{1,3}(,\d{1,3}){0,15}|model(:[\w]+)?")
"""What `fitness.device` may be."""


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


class JudgeSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the judge measures, where there is a GPU.

    Attributes:
        wall_seconds: time that checking, and then timing, one candidate may hold the device.
        timing: how latencies are measured.
        second_opinion: whether a run's winner is run once more, directly, by a process of lower trust.
        opinion_seconds: time that this may take.
        opinion_tolerance: by how much of a latency that process may differ from the judge.

    Raises:
        SettingsError: a time or a count that nothing could be measured with.
    """

    wall_seconds: float = 30.0
    timing: TimingRules = TimingRules()
    second_opinion: bool = True
    opinion_seconds: float = 120.0
    opinion_tolerance: float = 0.25

    def __post_init__(self) -> None:
        """Refuse what nothing can be measured with."""
        least = {
            "blocks": 4, "fewest_blocks": 4, "seconds": 0, "hopeless": 1, "precise": 0, "checked_calls": 0,
            "trials": 1, "short_us": 0, "families": 0,
        }  # fmt: skip
        for name, value in least.items():
            got = getattr(self.timing, name)
            if got < value:
                raise SettingsError(f"fitness.judge.timing.{name} must be at least {value}, got {got}")
        for name in ("wall_seconds", "opinion_seconds", "opinion_tolerance"):
            if getattr(self, name) <= 0:
                raise SettingsError(f"fitness.judge.{name} must be positive, got {getattr(self, name)}")


class FitnessSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of the fitness.

    Attributes:
        target: architecture that kernels are compiled for: `gfx942` or `sm_90`.
        device: where latencies come from: `cuda:0` or `rocm:0` measures on that GPU, `cuda:0,1` on two that
            are alike, `model` (or `model:` and the target) models the target without one, `auto` measures if
            a GPU of the target's architecture is there and models otherwise.
        portable: whether a GPU of another architecture will do: kernels are then measured on it, and must
            compile for the target, within its limits, all the same.
        limits: what each stage may use for one candidate.
        judge: how a GPU is measured on.

    Raises:
        SettingsError: a device that is none of these, or nothing to measure where that must be portable.
    """

    target: str = "gfx942"
    device: str = "auto"
    portable: bool = False
    limits: StageLimits = StageLimits()
    judge: JudgeSettings = JudgeSettings()

    def __post_init__(self) -> None:
        """Refuse a device that cannot be one."""
        if not DEVICE.fullmatch(self.device):
            raise SettingsError(f"fitness.device must be auto, cuda:N, rocm:N or model, got {self.device!r}")
        numbers = [int(each) for each in self.device.partition(":")[2].split(",") if each.isdecimal()]
        if len(set(numbers)) < len(numbers):
            raise SettingsError(f"fitness.device must name each GPU once, got {self.device!r}")
        modelled = self.device.partition(":")[2] if self.device.startswith("model:") else self.target
        if modelled != self.target:
            raise SettingsError(
                f"fitness.device models {modelled}, but fitness.target, "
                f"which kernels are compiled for, is {self.target}"
            )
        if self.portable and self.device.startswith("model"):
            raise SettingsError(
                f"fitness.portable is for latencies that are measured, but fitness.device is {self.device}"
            )
