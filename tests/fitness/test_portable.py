"""A judge's stand-in of one architecture behind the real gate of another."""

from __future__ import annotations

import pytest

from evo.candidate import Kernel
from evo.evaluation import Evaluation, Source, Stage, Status
from evo.objective import geometric_speedup
from experiments.suites.loader import load_task
from fitness.devices import device_for
from fitness.judge.pool import open_judges
from fitness.measured import MeasuredEvaluator
from fitness.portable import Gate, GatedEvaluator
from fitness.settings import JudgeSettings
from tests.fitness.lab import LIMITS, SECRET, Lab

FLIP = load_task("flip")
SEED = FLIP.seed.source
LABEL = "report (sm_90, driver 0, Triton 0), not the target gfx942"


def with_warps(warps: int) -> str:
    return SEED.replace("num_warps=4", f"num_warps={warps}")


def evaluated(lab: Lab, *sources: str) -> list[Evaluation]:
    """Evaluate one kernel after another, measured for sm_90 and gated for gfx942."""

    async def work() -> list[Evaluation]:
        async with open_judges(("cuda:0",), 60.0, "tests.fitness.judge.reports:main") as judges:
            measured = MeasuredEvaluator(
                lab.rooms, judges, device_for("sm_90"), LIMITS, SECRET, JudgeSettings()
            )
            gated = GatedEvaluator(measured, Gate(lab.rooms, device_for("gfx942"), LIMITS))
            assert (gated.source, gated.device) == (Source.MEASURED, LABEL)
            return [await gated.evaluate(Kernel(each), FLIP) for each in sources]

    told: list[Evaluation] = lab.run(work())
    return told


def test_what_passes_the_gate_is_measured_and_says_that_this_is_not_the_target(lab: Lab) -> None:
    seed, faster = evaluated(lab, SEED, with_warps(8))
    for each in (seed, faster):
        assert (each.status, each.source, each.device) == (Status.PASSED, Source.MEASURED, LABEL)
        assert {m.device for m in each.measurements} == {LABEL}
        assert each.cost.gpu_seconds > 0
    assert geometric_speedup(faster, seed) == pytest.approx(2.0, rel=0.005)


def test_what_only_the_gpu_can_run_ends_at_the_gate(lab: Lab) -> None:
    # 16 warps are 1024 threads on the target; the stand-in would answer for 32 of its own.
    (wide,) = evaluated(lab, with_warps(32))
    assert (wide.status, wide.stage, wide.device) == (Status.OUT_OF_RESOURCES, Stage.COMPILE, LABEL)
    assert wide.feedback.startswith("for the target gfx942 (AMD MI300X): ")
    assert "2048 threads a program" in wide.feedback
    assert wide.cost.gpu_seconds == 0


def test_what_any_device_would_refuse_is_said_as_ever(lab: Lab) -> None:
    (refused,) = evaluated(lab, "import os\n" + SEED)
    assert (refused.status, refused.stage) == (Status.REJECTED, Stage.POLICY)
    assert "target" not in refused.feedback


def test_the_same_kernel_goes_through_the_gate_once(lab: Lab) -> None:
    first, again = evaluated(lab, with_warps(32), with_warps(32))
    assert (first.status, first.feedback) == (again.status, again.feedback)
    assert first.cost.cpu_seconds > 0
    assert again.cost.cpu_seconds == 0
