"""The measured evaluator through the real rooms, with a judge's process that has no device but reports."""

from __future__ import annotations

import pytest

from evo.candidate import Kernel
from evo.evaluation import Evaluation, Measurement, Source, Stage, Status
from evo.objective import geometric_speedup
from experiments.suites.loader import load_task
from fitness.cases import draw_cases
from fitness.devices import device_for
from fitness.judge.pool import open_judges
from fitness.measured import MeasuredEvaluator
from fitness.settings import JudgeSettings
from tests.fitness.judge.reports import IMPOSSIBLE_WARPS, LOST_WARPS, SEED_MS, UNLUCKY_WARPS
from tests.fitness.lab import LIMITS, SECRET, Lab

FLIP = load_task("flip")
CASES = len(draw_cases(FLIP, b"any", "plan"))
SEED = FLIP.seed.source
DEVICE = "report (sm_90, driver 0, Triton 0)"


def with_warps(warps: int) -> str:
    return SEED.replace("num_warps=4", f"num_warps={warps}")


def evaluated(lab: Lab, *sources: str, anchor: Evaluation | None = None) -> list[Evaluation]:
    """Evaluate one kernel after another with an evaluator that knows nothing yet."""

    async def work() -> list[Evaluation]:
        async with open_judges(["cuda:0"], 60.0, "tests.fitness.judge.reports:main") as judges:
            evaluator = MeasuredEvaluator(
                lab.rooms, judges, device_for("sm_90"), LIMITS, SECRET, JudgeSettings(), anchor
            )
            return [await evaluator.evaluate(Kernel(each), FLIP) for each in sources]

    told: list[Evaluation] = lab.run(work())
    return told


def test_latencies_are_ratios_over_the_seeds_own(lab: Lab) -> None:
    # The seed is not the first to come: it is measured all the same, and once.
    faster, seed, slower, wrong, refused = evaluated(
        lab, with_warps(8), SEED, with_warps(2), SEED.replace("flip_kernel", "broken"), "import os\n" + SEED
    )
    for each in (seed, faster, slower):
        assert (each.status, each.source, each.device) == (Status.PASSED, Source.MEASURED, DEVICE)
        assert each.checks_passed == each.checks_total == CASES
        assert all(m.low_ms < m.latency_ms < m.high_ms for m in each.measurements)
        assert "noise floor 0." in each.feedback
    assert [m.workload for m in seed.measurements] == ["square", "ragged_half"]
    assert all(SEED_MS <= m.latency_ms <= 1.01 * SEED_MS for m in seed.measurements)
    assert geometric_speedup(faster, seed) == pytest.approx(2.0, rel=0.005)
    assert geometric_speedup(slower, seed) == pytest.approx(0.5, rel=0.005)
    # What may be the best is measured twice, by a fresh process the second time.
    assert (seed.cost.gpu_seconds, faster.cost.gpu_seconds, slower.cost.gpu_seconds) == (0.25, 0.5, 0.25)
    # The stand-in says what it was told of the best so far.
    assert (wrong.status, wrong.stage, wrong.feedback, wrong.checks_total) == (
        Status.WRONG, Stage.CHECK, "broken, square 2.0x, ragged_half 2.0x", 8,
    )  # fmt: skip
    assert refused.status is Status.REJECTED


def test_a_kernel_that_was_lucky_once_keeps_the_second_measurement(lab: Lab) -> None:
    seed, lucky = evaluated(lab, SEED, with_warps(UNLUCKY_WARPS))
    assert geometric_speedup(lucky, seed) == pytest.approx(0.5, rel=0.005)


def test_what_no_device_can_do_is_no_record(lab: Lab) -> None:
    (told,) = evaluated(lab, with_warps(IMPOSSIBLE_WARPS))
    assert (told.status, told.stage) == (Status.WRONG, Stage.TIME)
    assert "work is left out" in told.feedback


def test_what_is_no_record_is_no_bar_for_others(lab: Lab) -> None:
    impossible, faster, broken = evaluated(
        lab, with_warps(IMPOSSIBLE_WARPS), with_warps(8), SEED.replace("flip_kernel", "broken")
    )
    assert impossible.status is Status.WRONG
    assert faster.cost.gpu_seconds == 0.5  # the best there is: measured again
    assert broken.feedback == "broken, square 2.0x, ragged_half 2.0x"


def test_a_lost_process_costs_one_candidate(lab: Lab) -> None:
    lost, after = evaluated(lab, with_warps(LOST_WARPS), with_warps(8))
    assert (lost.status, after.status) == (Status.CRASHED, Status.PASSED)


def test_a_resumed_run_keeps_the_latencies_of_its_seed(lab: Lab) -> None:
    def measured(workload: str, latency: float) -> Measurement:
        return Measurement(
            workload=workload, latency_ms=latency, low_ms=latency, high_ms=latency, samples=1,
            source=Source.MEASURED, device=DEVICE,
        )  # fmt: skip

    anchor = Evaluation(
        status=Status.PASSED, stage=Stage.TIME, source=Source.MEASURED, device=DEVICE,
        measurements=(measured("square", 3.0), measured("ragged_half", 5.0)),
    )  # fmt: skip
    (faster,) = evaluated(lab, with_warps(8), anchor=anchor)
    assert [m.latency_ms for m in faster.measurements] == pytest.approx([1.5, 2.5], rel=0.005)
