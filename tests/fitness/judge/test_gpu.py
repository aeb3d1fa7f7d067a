"""The judge on a real GPU, over plans that are captured and compiled in this process."""

from __future__ import annotations

import asyncio
import math
import statistics
from collections.abc import Coroutine, Iterator
from typing import Any

import msgspec
import pytest

from evo.candidate import Kernel
from evo.evaluation import Stage, Status
from evo.task import Role, Task
from experiments.suites.loader import load_task, task_names
from fitness.built import Built, checks_of
from fitness.cascade import Cascade
from fitness.cases import draw_cases
from fitness.devices import DEVICES
from fitness.judge.client import Judge
from fitness.judge.messages import Ask, Checks, Judged, Refused, TimingRules
from fitness.judge.probe import NoDevice, probed
from fitness.judge.statistics import estimate
from fitness.rooms import open_rooms
from fitness.settings import StageLimits
from fitness.stages import Stages
from fitness.verdicts import Fault

try:
    FOUND = probed("cuda:0")
    MISSING = "" if FOUND.arch in DEVICES else f"the device table has no {FOUND.arch}"
except NoDevice as error:
    MISSING = str(error)

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(bool(MISSING), reason=f"needs a GPU: {MISSING}")]

WALL_SECONDS = 20.0
RULES = TimingRules()
FLIP, SOFTMAX = load_task("flip"), load_task("softmax")
STORE = "tl.store(out_ptr + row * n_cols + cols, x, mask=mask)"
STORE_BEYOND = f"{STORE}\n    tl.store(out_ptr + {1 << 13} + cols, x)"
STORE_TO_INPUT = f"{STORE}\n    tl.store(x_ptr + row * n_cols + cols, x, mask=mask)"
STORE_SOME = "tl.store(out_ptr + row * n_cols + cols, x, mask=mask & (row < 1000))"
STORE_FAR = f"tl.store(out_ptr + (row + 1) * {1 << 40} + cols, x, mask=mask)"
SPIN = """while tl.load(x_ptr, volatile=True) == tl.load(x_ptr, volatile=True):
        tl.debug_barrier()
    """


class Builder(Cascade):
    """The cascade up to the judge."""

    compiled_roles = (Role.CHECK, Role.TIME)
    source: Any = None
    device: Any = None

    def identity(self, built: Built) -> tuple[str, ...]:
        raise NotImplementedError

    async def judge(self, built: Built, stages: Stages) -> Any:
        raise NotImplementedError


class Court:
    """Rooms, a judge on the GPU, and the loop that they live in."""

    def __init__(self) -> None:
        self.runner = asyncio.Runner()
        self._rooms = open_rooms()
        self.rooms = self.run(self._rooms.__aenter__())
        self.judge = Judge("cuda:0", WALL_SECONDS)
        self.run(self.judge.start())
        self.builder = Builder(self.rooms, DEVICES[FOUND.arch], StageLimits(), b"gpu")

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(work)

    def close(self) -> None:
        self.run(self.judge.close())
        self.run(self._rooms.__aexit__(None, None, None))
        self.runner.close()

    def built(self, source: str, task: Task) -> Built:
        stages = Stages(self.rooms, FOUND.arch, StageLimits())
        built = self.run(self.builder.build(Kernel(source), task, stages))
        assert not isinstance(built, Fault), built
        return built  # type: ignore[no-any-return]

    def ask(self, source: str, task: Task, rules: TimingRules = RULES) -> Judged | Refused:
        built, seed = self.built(source, task), self.built(task.seed.source, task)
        checks = checks_of(built, draw_cases(task, b"gpu", built.plan_digest))
        asked = Ask(
            number=0, task=task, mutated=built.described[0].mutated, candidate=built.subject,
            baseline=seed.subject, seed=5, rules=rules,
            checks=tuple(Checks(choice, cases) for choice, cases in checks),
        )  # fmt: skip
        told: Judged | Refused = self.run(self.judge.ask(asked))
        print(told if isinstance(told, Refused) else _summary(told))
        return told

    def judged(self, source: str, task: Task, rules: TimingRules = RULES) -> Judged:
        told = self.ask(source, task, rules)
        assert isinstance(told, Judged), told
        return told

    def refused(self, source: str, task: Task) -> Refused:
        told = self.ask(source, task)
        assert isinstance(told, Refused), told
        return told


def _summary(told: Judged) -> str:
    lines = [f"{told.checks} checks, repeats {told.repeats}, held {told.held_seconds:.2f} s"]
    for each in told.timings:
        ratio = estimate(each.log_ratios)
        lines.append(
            f"  {each.workload}: seed {each.baseline_ms:.4f} ms, log ratio {ratio.median:+.5f} "
            f"[{ratio.low:+.5f}, {ratio.high:+.5f}] sd {statistics.pstdev(each.log_ratios):.5f}, "
            f"{len(each.log_ratios)} blocks, warm {each.warm}, choice {each.choice}, {each.after}"
        )
    return "\n".join(lines)


@pytest.fixture(scope="module")
def court() -> Iterator[Court]:
    court = Court()
    print(court.judge.fingerprint, f"anchor {court.judge.anchor_ms:.3f} ms")
    yield court
    court.close()


def changed(source: str, old: str, new: str) -> str:
    assert old in source
    return source.replace(old, new)


@pytest.mark.parametrize("name", task_names())
def test_a_seed_against_itself_passes_within_a_few_percent(court: Court, name: str) -> None:
    task = load_task(name)
    told = court.judged(task.seed.source, task)
    assert told.checks == len(draw_cases(task, b"gpu", "")) + min(RULES.families, len(task.families))
    assert [each.workload for each in told.timings] == [each.name for each in task.having(Role.TIME)]
    for each in told.timings:
        ratio = estimate(each.log_ratios)
        assert ratio.low < 0.01
        assert ratio.high > -0.01
        assert abs(ratio.median) < 0.05
        assert 0.001 < each.baseline_ms < 100


def test_a_kernel_with_more_work_is_slower(court: Court) -> None:
    again = changed(FLIP.seed.source, STORE, f"{STORE}\n    tl.debug_barrier()\n    {STORE}")
    wide = changed(FLIP.seed.source, "BLOCK = 256", "BLOCK = 16")
    for source in (again, wide):
        court.judged(source, FLIP)
    (square, _) = court.judged(wide, FLIP).timings
    assert estimate(square.log_ratios).low > math.log(1.25)


def test_short_kernels_are_timed_warm(court: Court) -> None:
    small = msgspec.structs.replace(
        FLIP, workloads=tuple(
            each if each.role is Role.CHECK
            else msgspec.structs.replace(each, sizes={"rows": 64, "cols": 1024})
            for each in FLIP.workloads
        ),
    )  # fmt: skip
    told = court.judged(FLIP.seed.source, small)
    for each in told.timings:
        assert each.warm
        assert 1e-4 < each.baseline_ms < 0.02
        ratio = estimate(each.log_ratios)
        assert max(abs(ratio.low), abs(ratio.high)) < 0.25


AUTOTUNED = """@triton.autotune(
    configs=[triton.Config({"BLOCK": 16}), triton.Config({"BLOCK": 1024}), triton.Config({"BLOCK": 32})],
    key=["n_cols"],
)
@triton.jit"""


def test_the_fastest_alternative_is_picked(court: Court) -> None:
    source = changed(FLIP.seed.source, "@triton.jit", AUTOTUNED)
    source = changed(source, "triton.cdiv(n_cols, BLOCK))", "triton.cdiv(n_cols, m['BLOCK']))")
    source = changed(source, "grid = (", "grid = lambda m: (")
    source = changed(source, "n_cols, BLOCK=BLOCK, num_warps=4)", "n_cols)")
    told = court.judged(source, FLIP)
    assert {each.choice for each in told.timings} == {1}


@pytest.mark.parametrize(
    ("old", "new", "status", "stage", "told"),
    [
        ("(n_cols - 1 - cols)", "cols", Status.WRONG, Stage.CHECK, "differ"),
        (STORE, STORE_BEYOND, Status.CRASHED, Stage.CHECK, "outside of any"),
        (STORE, STORE_TO_INPUT, Status.WRONG, Stage.CHECK, "input 0"),
        (STORE, STORE_SOME, Status.WRONG, Stage.CHECK, "elements differ"),
    ],
    ids=["wrong", "out_of_bounds", "input_modified", "large_shapes_only"],
)  # fmt: skip
def test_what_a_bad_kernel_is_told(
    court: Court, old: str, new: str, status: Status, stage: Stage, told: str
) -> None:
    reply = court.refused(changed(FLIP.seed.source, old, new), FLIP)
    assert (reply.status, reply.stage) == (status, stage), reply.feedback
    assert told in reply.feedback
    assert not reply.ends


def test_an_illegal_access_loses_the_process_and_the_spare_takes_over(court: Court) -> None:
    far = changed(FLIP.seed.source, STORE, STORE_FAR)
    reply = court.refused(far, FLIP)
    assert (reply.status, reply.ends) == (Status.CRASHED, True), reply.feedback
    court.judged(FLIP.seed.source, FLIP)


def test_a_kernel_that_hangs_times_out_and_the_spare_takes_over(court: Court) -> None:
    hanging = changed(FLIP.seed.source, STORE, SPIN + STORE)
    reply = court.refused(hanging, FLIP)
    assert reply.status is Status.TIMEOUT, reply.feedback
    court.judged(FLIP.seed.source, FLIP)


def test_lowered_precision_is_wrong(court: Court) -> None:
    lowered = changed(
        SOFTMAX.seed.source, "row_sum += tl.sum(tl.exp(x - row_max), axis=0)",
        "row_sum += tl.sum(tl.exp(x - row_max).to(tl.float16), axis=0).to(tl.float32)",
    )  # fmt: skip
    assert court.refused(lowered, SOFTMAX).status is Status.WRONG
