"""A world as past runs recorded it: outcomes and costs fitted to their journals."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

import msgspec

from evo.candidate import FREE, Candidate, Kernel, Proposal, Spend
from evo.evaluation import Cost, Evaluation, Measurement, Source, Stage, Status
from evo.objective import Individual
from evo.proposing import FOUNDING
from evo.protocols import Draft, Malformed, Operator
from evo.task import Role, Task, Workload
from experiments.study.simulator.costs import Costs, measured_costs
from experiments.study.simulator.outcomes import Outcomes, fitted
from experiments.study.trace import Paid, Trace

WORKLOAD = "all"
STAGES: Mapping[Status, Stage] = {
    Status.PASSED: Stage.TIME, Status.REJECTED: Stage.POLICY, Status.UNSUPPORTED: Stage.CAPTURE,
    Status.CRASHED: Stage.CAPTURE, Status.COMPILE_ERROR: Stage.COMPILE,
    Status.OUT_OF_RESOURCES: Stage.COMPILE, Status.TIMEOUT: Stage.CHECK, Status.WRONG: Stage.CHECK,
}  # fmt: skip
"""The stage that a kernel of each end is taken to have come to."""


class State(msgspec.Struct, frozen=True, array_like=True):
    """A simulated kernel: it stands in its source.

    Attributes:
        number: the proposal that it was made for.
        verdict: what the evaluator will say.
        speed: log2 speed-up over the seed kernel.
        depth: operators between the seed kernel and it.
        plan: number of the first candidate that does the same.
    """

    number: int
    verdict: Status
    speed: float
    depth: int
    plan: int

    @property
    def kernel(self) -> Kernel:
        """The kernel that holds it."""
        return Kernel(f"state = {msgspec.json.encode(self).decode()}\n")

    @classmethod
    def of(cls, kernel: Kernel) -> State:
        """Return the state that a kernel holds."""
        return msgspec.json.decode(kernel.source.partition("= ")[2], type=cls)


class RecordedWorld:
    """Implements `worlds.World` by what was seen in runs of one task.

    Attributes:
        task: one workload; its seed kernel has a speed-up of 1.
        device: the runs', as simulated.
    """

    source = Source.MODELLED

    def __init__(self, name: str, device: str, outcomes: Outcomes, costs: Costs) -> None:
        """Take the task's name, the device of the runs and what was fitted to them."""
        self.device = f"simulated {device}"
        self.task = Task(
            name=name, instruction="", entry_point="state", level=1, reference="",
            seed=State(0, Status.PASSED, 0.0, 0, 0).kernel,
            workloads=(
                Workload(name="check", role=Role.CHECK, dtype="float32", sizes={"n": 1}, bytes=1, flops=1),
                Workload(name=WORKLOAD, role=Role.TIME, dtype="float32", sizes={"n": 1}, bytes=1, flops=1),
            ),
        )  # fmt: skip
        self._outcomes = outcomes
        self._costs = costs

    @classmethod
    def of(cls, traces: Sequence[Trace], costs: Costs | None = None) -> RecordedWorld:
        """Return the world of runs of one task on one device, at their own costs unless others are given.

        Raises:
            ValueError: runs of several tasks or devices, or in which nothing passed.
        """
        return cls(traces[0].task, traces[0].device, fitted(traces), costs or measured_costs(traces))

    @property
    def weights(self) -> Mapping[str, float]:
        """How often each operator was asked in the runs."""
        return self._outcomes.weights

    @property
    def between_seconds(self) -> float:
        """As it was measured."""
        return self._costs.between_seconds

    def operators(self) -> Mapping[str, Operator]:
        """Return a counterpart of each operator that was asked in the runs."""
        made = {name: Recalled(name, self._outcomes, self._costs) for name in self._outcomes.weights}
        return {
            name: Paying(name, self._outcomes, self._costs) if self._costs.most(name) != FREE else each
            for name, each in made.items()
        }

    def making(self, candidate: Candidate) -> Paid:
        """Return what was drawn when it was made; founders are at hand."""
        proposal = candidate.proposal
        return Paid() if proposal.operator in FOUNDING else self._costs.made(proposal.operator, proposal.key)

    def evaluate(self, candidate: Candidate) -> Evaluation:
        """Return the verdict that the kernel holds."""
        state = State.of(candidate.kernel or self.task.seed)
        end = state.verdict if state.plan == state.number else Status.DUPLICATE
        return verdict_of(state, self.device, self._costs.evaluated(end, candidate.proposal.key))


def verdict_of(state: State, device: str, cost: Cost) -> Evaluation:
    """Return what an evaluator says of a state, on a simulated device."""
    measurements: tuple[Measurement, ...] = ()
    if state.verdict is Status.PASSED:
        latency = 2.0**-state.speed
        measurements = (
            Measurement(
                workload=WORKLOAD, latency_ms=latency, low_ms=latency, high_ms=latency, samples=1,
                source=Source.MODELLED, device=device,
            ),
        )  # fmt: skip
    return Evaluation(
        status=state.verdict, stage=STAGES[state.verdict], source=Source.MODELLED, device=device,
        measurements=measurements, plan_digest=str(state.plan), cost=cost,
    )  # fmt: skip


class Recalled:
    """An operator of one parent whose outcomes are drawn from what those of its name were.

    Attributes:
        name: of the operator that it recalls.
        arity: 1; of two parents the faster one counted in the runs.
    """

    arity = 1

    def __init__(self, name: str, outcomes: Outcomes, costs: Costs) -> None:
        self.name = name
        self._outcomes = outcomes
        self._costs = costs

    def applies(self, parents: Sequence[Individual], task: Task) -> bool:  # noqa: ARG002
        """Return True."""
        return True

    async def propose(
        self, proposal: Proposal, parents: Sequence[Individual], task: Task
    ) -> Draft | Malformed:
        """Return a kernel that holds what will be said of it; all is drawn by the proposal's key."""
        rng = random.Random(proposal.key)
        status, verdict = self._outcomes.end(self.name, rng)
        paid = self._costs.made(self.name, proposal.key)
        spend = Spend(tokens_in=paid.tokens, dollars=paid.dollars, calls=paid.llm_calls)
        if verdict is Status.MALFORMED:
            return Malformed("as in a run before", spend)
        parent = State.of(parents[0].candidate.kernel or task.seed)
        state = State(proposal.number, verdict, parent.speed, parent.depth + 1, proposal.number)
        if status is Status.DUPLICATE:
            state = msgspec.structs.replace(state, verdict=parent.verdict, plan=parent.plan)
        elif verdict is Status.PASSED:
            speed = self._outcomes.speed(self.name, parent.speed, parent.depth, rng)
            state = msgspec.structs.replace(state, speed=speed)
        return Draft(state.kernel, self.name, spend)


class Paying(Recalled):
    """An operator whose answers are paid for."""

    @property
    def most(self) -> Spend:
        """The most that one of the runs' answers cost."""
        return self._costs.most(self.name)
