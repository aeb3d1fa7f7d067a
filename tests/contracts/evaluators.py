"""What every evaluator keeps to. Subclass `EvaluatorContract` and give its three fixtures."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from evo.candidate import Kernel
from evo.evaluation import Cost, Evaluation, Source, Stage, Status
from evo.protocols import Evaluator
from evo.task import Role, Task

NOT_ITS_OWN = {Status.DUPLICATE, Status.MALFORMED}


def without_cost(evaluation: Evaluation) -> Evaluation:
    return msgspec.structs.replace(evaluation, cost=Cost(), cached=False)


class EvaluatorContract:
    """Fixtures to give: `evaluator`, `task`, and `broken`, kernels with the statuses that they must end in.

    Set `repeatable` to False where latencies are measured: verdicts must repeat, latencies need not.
    """

    repeatable = True

    @pytest.fixture
    def seed(self, evaluator: Evaluator, task: Task) -> Evaluation:
        return asyncio.run(evaluator.evaluate(task.seed, task))

    def alike(self, one: Evaluation, other: Evaluation) -> bool:
        if self.repeatable:
            return without_cost(one) == without_cost(other)
        return (one.status, one.stage, one.plan_digest) == (other.status, other.stage, other.plan_digest)

    def test_it_says_where_its_verdicts_come_from(self, evaluator: Evaluator, seed: Evaluation) -> None:
        assert isinstance(evaluator.source, Source)
        assert evaluator.device
        assert (seed.source, seed.device) == (evaluator.source, evaluator.device)

    def test_the_seed_passes_and_every_timed_workload_is_measured_once(
        self, seed: Evaluation, task: Task
    ) -> None:
        assert (seed.status, seed.stage) == (Status.PASSED, Stage.TIME), seed.feedback
        measured = [measurement.workload for measurement in seed.measurements]
        assert sorted(measured) == sorted(workload.name for workload in task.having(Role.TIME))
        assert seed.checks_passed == seed.checks_total

    def test_broken_kernels_are_data_with_feedback(
        self, evaluator: Evaluator, task: Task, broken: list[tuple[Kernel, Status]]
    ) -> None:
        for kernel, status in broken:
            evaluation = asyncio.run(evaluator.evaluate(kernel, task))
            assert (evaluation.status, evaluation.measurements) == (status, ()), evaluation.feedback
            assert evaluation.status not in NOT_ITS_OWN
            assert evaluation.feedback.strip()
            assert (evaluation.source, evaluation.device) == (evaluator.source, evaluator.device)

    def test_the_same_kernel_gives_the_same_verdict(
        self, evaluator: Evaluator, task: Task, seed: Evaluation
    ) -> None:
        assert self.alike(seed, asyncio.run(evaluator.evaluate(task.seed, task)))

    def test_side_by_side_gives_what_one_after_the_other_gives(
        self, evaluator: Evaluator, task: Task, broken: list[tuple[Kernel, Status]]
    ) -> None:
        kernels = [task.seed, *(kernel for kernel, _ in broken)]

        async def one_by_one() -> list[Evaluation]:
            return [await evaluator.evaluate(kernel, task) for kernel in kernels]

        async def at_once() -> list[Evaluation]:
            return await asyncio.gather(*(evaluator.evaluate(kernel, task) for kernel in kernels))

        for one, other in zip(asyncio.run(at_once()), asyncio.run(one_by_one()), strict=True):
            assert self.alike(one, other)

    def test_it_survives_a_cancelled_evaluation(
        self, evaluator: Evaluator, task: Task, seed: Evaluation
    ) -> None:
        async def cancelled_then_whole() -> Evaluation:
            evaluation = asyncio.create_task(evaluator.evaluate(task.seed, task))
            asyncio.get_running_loop().call_soon(evaluation.cancel)
            await asyncio.wait({evaluation})
            return await evaluator.evaluate(task.seed, task)

        assert self.alike(seed, asyncio.run(cancelled_then_whole()))

    def test_evaluations_survive_the_journal(self, seed: Evaluation) -> None:
        assert msgspec.json.decode(msgspec.json.encode(seed), type=Evaluation) == seed
