"""The evaluator with no GPU, through the real rooms."""

from __future__ import annotations

import asyncio

import pytest

from evo.candidate import Kernel
from evo.evaluation import Evaluation, Source, Stage, Status
from evo.protocols import SparingEvaluator
from evo.task import Task
from experiments.suites.loader import load_task, task_names
from fitness.built import Built, checks_of
from fitness.cases import draw_cases
from fitness.devices import DEVICES
from fitness.messages import NORMAL, Description
from fitness.modelled import ModelledEvaluator
from fitness.plan import Captured, Plan
from tests.contracts.evaluators import EvaluatorContract, without_cost
from tests.fitness.lab import Lab
from tests.rotation import rotated

FLIP = load_task("flip")
SEED = FLIP.seed.source
LOADS = "    x = tl.load(x_ptr + row * n_cols + (n_cols - 1 - cols), mask=mask)\n"


def check_seed(lab: Lab, name: str, arch: str) -> None:
    task = load_task(name)
    evaluation = lab.evaluate(task.seed.source, task, arch)
    assert (evaluation.status, evaluation.source, evaluation.device) == (
        Status.PASSED, Source.MODELLED, f"model:{arch}",
    ), evaluation.feedback  # fmt: skip
    cases = draw_cases(task, b"any", "plan")
    assert evaluation.checks_passed == evaluation.checks_total == len(cases)
    assert all(0 < each.occupancy <= 1 for each in evaluation.resources)
    assert all(each.bound is not None and 16 <= each.tile <= 65_536 for each in evaluation.resources)
    assert evaluation.cost.cpu_seconds > 0


@pytest.mark.parametrize("name", rotated(4, "seeds pass"))
@pytest.mark.parametrize("arch", sorted(DEVICES))
def test_seeds_pass_on_every_target(lab: Lab, name: str, arch: str) -> None:
    check_seed(lab, name, arch)


@pytest.mark.thorough
@pytest.mark.parametrize("name", task_names())
@pytest.mark.parametrize("arch", sorted(DEVICES))
def test_all_seeds_pass_on_every_target(lab: Lab, name: str, arch: str) -> None:
    check_seed(lab, name, arch)


def test_a_kernel_is_evaluated_once(lab: Lab) -> None:
    evaluator = lab.evaluator()

    async def thrice() -> list[Evaluation]:
        both = await asyncio.gather(*(evaluator.evaluate(FLIP.seed, FLIP) for _ in range(2)))
        return [*both, await evaluator.evaluate(Kernel(SEED), FLIP)]

    first, second, third = lab.run(thrice())
    # Costs are equal too, to the last digit: nothing ran again.
    assert first == second == third


def test_a_new_evaluator_says_the_same_and_another_secret_nothing_else(lab: Lab) -> None:
    told = [
        lab.run(lab.evaluator(secret=secret).evaluate(FLIP.seed, FLIP)) for secret in (b"one", b"one", b"two")
    ]
    assert without_cost(told[0]) == without_cost(told[1]) == without_cost(told[2])
    assert draw_cases(FLIP, b"one", told[0].plan_digest) != draw_cases(FLIP, b"two", told[0].plan_digest)


def test_comments_and_layout_do_not_change_the_plan(lab: Lab) -> None:
    moved = "# a note\n\n" + SEED.replace(LOADS, "    # one load\n" + LOADS) + "\n# the end\n"
    one, other = lab.evaluate(SEED, FLIP), lab.evaluate(moved, FLIP)
    assert one.plan_digest == other.plan_digest
    assert without_cost(one) == without_cost(other)


def test_a_verdict_does_not_depend_on_what_was_judged_before(lab: Lab) -> None:
    # The compiler merges the two loads: both kernels have one binary, yet they are not interpreted alike.
    twice = SEED.replace(LOADS, LOADS + LOADS.replace("x = ", "x = 0.0 * x + "))
    double = SEED.replace(LOADS, LOADS + LOADS)
    alone = {source: lab.evaluate(source, FLIP) for source in (SEED, double, twice)}
    assert alone[SEED].plan_digest == alone[double].plan_digest
    for order in ((SEED, double, twice), (twice, double, SEED)):
        evaluator = lab.evaluator()
        for source in order:
            evaluation = lab.run(evaluator.evaluate(Kernel(source), FLIP))
            assert without_cost(evaluation) == without_cost(alone[source])


def test_faults_name_the_lines_of_the_kernel_that_was_asked_about(lab: Lab) -> None:
    beyond = SEED.replace("(n_cols - 1 - cols)", "(n_cols - 1 - cols + 100000)")
    moved = "# a note\n" + beyond
    evaluator = lab.evaluator()
    first, second = (lab.run(evaluator.evaluate(Kernel(each), FLIP)) for each in (beyond, moved))
    assert first.status is second.status is Status.CRASHED
    line = beyond[: beyond.index("100000")].count("\n") + 1
    assert f"(line {line})" in first.feedback
    assert f"(line {line + 1})" in second.feedback


def test_a_known_plan_is_not_judged_again_by_whoever_asks_to_be_spared(lab: Lab) -> None:
    evaluator = lab.evaluator()
    seed = lab.run(evaluator.evaluate(FLIP.seed, FLIP))
    # The compiler merges the two loads: one binary from another syntax.
    double = Kernel(SEED.replace(LOADS, LOADS + LOADS))
    asked: list[str] = []

    def known(plan: str) -> Evaluation | None:
        asked.append(plan)
        return seed if plan == seed.plan_digest else None

    spared = lab.run(evaluator.evaluate_unless(double, FLIP, known))
    assert asked == [seed.plan_digest]
    assert without_cost(spared) == without_cost(seed)
    assert 0 < spared.cost.cpu_seconds < seed.cost.cpu_seconds
    judged = lab.run(evaluator.evaluate(double, FLIP))
    assert judged.passed
    assert judged.cost.cpu_seconds > spared.cost.cpu_seconds
    assert isinstance(evaluator, SparingEvaluator)


@pytest.mark.parametrize(
    ("old", "new", "status", "stage", "told"),
    [
        ("def flip(x):", "def flop(x):", Status.COMPILE_ERROR, Stage.POLICY, "'flip'"),
        ("def flip(x):", "def flip(x:", Status.COMPILE_ERROR, Stage.POLICY, "does not parse"),
        ("import torch", "import torch, os", Status.REJECTED, Stage.POLICY, "'os'"),
        ("torch.empty_like(x)", "x.clone()", Status.REJECTED, Stage.CAPTURE, "aten.clone"),
        ("mask = cols < n_cols", "mask = cols < nothing", Status.COMPILE_ERROR, Stage.CAPTURE, "(line "),
        ("num_warps=4", "num_warps=32", Status.OUT_OF_RESOURCES, Stage.COMPILE, "2048 threads"),
        ("n_cols - 1 - cols", "cols", Status.WRONG, Stage.CHECK, "differ"),
        ("flip_kernel[grid]", "flip_kernel.warmup", Status.CRASHED, Stage.CAPTURE, "line"),
        ("    flip_kernel[grid]", "    (lambda *_, **__: 0)", Status.UNSUPPORTED, Stage.CAPTURE, "no kernel"),
    ],
)  # fmt: skip
def test_the_first_stage_that_fails_ends_the_cascade(
    lab: Lab, old: str, new: str, status: Status, stage: Stage, told: str
) -> None:
    assert old in SEED
    evaluation = lab.evaluate(SEED.replace(old, new), FLIP)
    assert (evaluation.status, evaluation.stage) == (status, stage), evaluation.feedback
    assert told in evaluation.feedback
    assert evaluation.measurements == ()


def test_every_alternative_that_may_be_picked_is_checked() -> None:
    def capture(name: str, *choices: int) -> Captured:
        plans = [
            Plan(workload=name, choice=choice, inputs=(), outputs=(), steps=(), kernels=())
            for choice in choices
        ]
        return Captured(workload=name, alternatives=tuple(plans))

    offered = {"one_column": (0, 1, 2, 3), "ragged": (0,), "round": (3,), "half": (2,)}
    captured = tuple(capture(each.name, *offered.get(each.name, (1, 2))) for each in FLIP.workloads)
    described = tuple(Description(each.name, (), (), ()) for each in FLIP.workloads)
    built = Built(
        kernel=FLIP.seed, task=FLIP, described=described, captured=captured, binaries={}, plan_digest=""
    )
    cases = draw_cases(FLIP, b"s", "p")
    checks = {
        choice: [(case.workload.name, case.family == NORMAL) for case in held]
        for choice, held in checks_of(built, cases)
    }

    def drawn(name: str) -> list[tuple[str, bool]]:
        return [(name, case.family == NORMAL) for case in cases if case.workload.name == name]

    assert checks == {
        1: drawn("one_column"),
        2: [("one_column", True), *drawn("half")],
        0: drawn("ragged"),
        3: drawn("round"),
    }
    assert all(("one_column", normal) in checks[1] for normal in (True, False))


class InItsLoop:
    """A modelled evaluator, asked from other loops than the one that its rooms live in."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._inner: ModelledEvaluator = lab.evaluator()
        self.source = self._inner.source
        self.device = self._inner.device

    async def evaluate(self, kernel: Kernel, task: Task) -> Evaluation:
        work = self._inner.evaluate(kernel, task)
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._lab.loop))


class TestContract(EvaluatorContract):
    @pytest.fixture(scope="class")
    def evaluator(self, lab: Lab) -> InItsLoop:
        return InItsLoop(lab)

    @pytest.fixture
    def task(self) -> Task:
        return FLIP

    @pytest.fixture
    def broken(self) -> list[tuple[Kernel, Status]]:
        return [
            (Kernel(SEED.replace("n_cols - 1 - cols", "cols")), Status.WRONG),
            (Kernel(SEED.replace("import torch", "import torch, os")), Status.REJECTED),
            (Kernel(SEED.replace("def flip(x):", "def flip(x:")), Status.COMPILE_ERROR),
            (Kernel(SEED.replace("num_warps=4", "num_warps=32")), Status.OUT_OF_RESOURCES),
        ]
