"""Deterministic stand-ins that fit the search's protocols; the real parts around them stay real."""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Mapping, Sequence

from evo.budget import Budget
from evo.candidate import Kernel, Proposal
from evo.engine import Engine
from evo.evaluation import Bound, Evaluation, Measurement, Resources, Source, Stage, Status
from evo.events import Event
from evo.imports import Import
from evo.objective import Individual
from evo.protocols import Draft, Malformed, Operator, Portfolio
from evo.settings import PopulationKind, SearchSettings, Selection
from evo.task import Role, Task, Workload

DEVICE = "synthetic"
SOURCE = Source.MODELLED

ENDS = {
    Status.REJECTED: Stage.POLICY,
    Status.UNSUPPORTED: Stage.CAPTURE,
    Status.CRASHED: Stage.CAPTURE,
    Status.TIMEOUT: Stage.CAPTURE,
    Status.COMPILE_ERROR: Stage.COMPILE,
    Status.OUT_OF_RESOURCES: Stage.COMPILE,
    Status.WRONG: Stage.CHECK,
}
"""The statuses that the synthetic evaluator yields for broken kernels, and the stages that end them."""


def workload(name: str, role: Role) -> Workload:
    return Workload(name=name, role=role, dtype="float32", sizes={"n": 8}, bytes=64, flops=8)


def synthetic_task(seed: str = "# value: 10\n") -> Task:
    return Task(
        name="synthetic",
        instruction="raise the value",
        entry_point="synthetic",
        level=1,
        workloads=(workload("small", Role.CHECK), workload("wide", Role.TIME), workload("tall", Role.TIME)),
        reference="",
        seed=Kernel(seed),
    )


def kernel_of(
    value: int, *, status: Status = Status.PASSED, plan: str | None = None, note: str = ""
) -> Kernel:
    lines = [f"# value: {value}"]
    if status is not Status.PASSED:
        lines.append(f"# status: {status}")
    if plan is not None:
        lines.append(f"# plan: {plan}")
    if note:
        lines.append(f"# note: {note}")
    return Kernel("\n".join(lines) + "\n")


def stated(kernel: Kernel, name: str, default: str) -> str:
    """Return what the kernel's source says of itself in a `# name: text` line."""
    found = re.search(rf"^# {name}: (.*)$", kernel.source, re.MULTILINE)
    return found[1] if found else default


def verdict(kernel: Kernel) -> Evaluation:
    """Return the evaluation of a kernel, a pure function of its source: latency is 1 / value."""
    status = Status(stated(kernel, "status", "PASSED"))
    value = int(stated(kernel, "value", "1"))
    plan = stated(kernel, "plan", f"value {value}")
    if status is not Status.PASSED:
        stage = ENDS[status]
        return Evaluation(
            status=status,
            stage=stage,
            source=SOURCE,
            device=DEVICE,
            feedback=f"ends as {status}",
            checks_passed=value % 4 if stage is Stage.CHECK else 0,
            checks_total=4 if stage is Stage.CHECK else 0,
            plan_digest=f"{status} {plan}" if stage > Stage.CAPTURE else None,
        )
    latencies = {"wide": 1.0 / max(value, 1), "tall": 3.0 / max(value, 1)}
    return Evaluation(
        status=status,
        stage=Stage.TIME,
        source=SOURCE,
        device=DEVICE,
        checks_passed=4,
        checks_total=4,
        measurements=tuple(measured(name, latency) for name, latency in latencies.items()),
        resources=(used(value),),
        plan_digest=plan,
    )


def used(value: int) -> Resources:
    """Return resources of a kernel, a pure function of its value."""
    return Resources(
        kernel="synthetic",
        registers=8 * (value % 32),
        spills=0,
        shared_bytes=1024 * (value % 5),
        warps=2 ** (value % 3),
        occupancy=(value % 9) / 8,
        bound=list(Bound)[value % 4],
        tile=4 ** (value % 5),
    )


def measured(name: str, latency: float, device: str = DEVICE) -> Measurement:
    return Measurement(
        workload=name,
        latency_ms=latency,
        low_ms=latency,
        high_ms=latency,
        samples=1,
        source=SOURCE,
        device=device,
    )


class SyntheticEvaluator:
    """Reads the verdict off the source, and counts how often it was asked about each kernel."""

    source = SOURCE
    device = DEVICE

    def __init__(self) -> None:
        self.asked: list[Kernel] = []

    async def evaluate(self, kernel: Kernel, task: Task) -> Evaluation:
        self.asked.append(kernel)
        return verdict(kernel)


class SyntheticOperator:
    """Moves the parents' mean value by some steps, sometimes into one of the ways to fail."""

    def __init__(self, name: str = "step", arity: int = 1, reach: int = 6, faults: int = 4) -> None:
        self.name = name
        self.arity = arity
        self._reach = reach
        self._faults = faults

    def applies(self, parents: Sequence[Individual], task: Task) -> bool:
        return all(parent.candidate.kernel is not None for parent in parents)

    async def propose(
        self, proposal: Proposal, parents: Sequence[Individual], task: Task
    ) -> Draft | Malformed:
        rng = random.Random(proposal.key)
        if rng.randrange(16) < self._faults:
            faults = [None, *ENDS]
            fault = faults[rng.randrange(len(faults))]
            if fault is None:
                return Malformed(f"{self.name} had no answer")
            return Draft(kernel_of(rng.randrange(8), status=fault), f"{self.name} into {fault}")
        values = [int(stated(parent.candidate.kernel or Kernel(""), "value", "0")) for parent in parents]
        value = sum(values) // max(len(values), 1) + rng.randrange(self._reach) - self._reach // 2 + 1
        note = "" if rng.randrange(2) else f"{rng.randrange(3)}"
        return Draft(kernel_of(value, note=note), f"{self.name} to {value}")


class Unfit:
    """An operator that applies to nothing."""

    name = "unfit"
    arity = 1

    def applies(self, parents: Sequence[Individual], task: Task) -> bool:
        return False

    async def propose(
        self, proposal: Proposal, parents: Sequence[Individual], task: Task
    ) -> Draft | Malformed:
        return Malformed("never asked")


class ChainPortfolio:
    """Its choices depend on every credit so far and on their order, so that any disorder shows."""

    def __init__(self) -> None:
        self.credited: list[int] = []
        self._chain = b""

    def choose(self, rng: random.Random, names: Sequence[str]) -> str:
        return names[(rng.randrange(len(names)) + int.from_bytes(self._chain)) % len(names)]

    def credit(self, individual: Individual, parents: Sequence[Individual]) -> None:
        self.credited.append(individual.number)
        assert individual.candidate.proposal.parents == tuple(parent.number for parent in parents)
        gains = [parent.fitness.values for parent in parents]
        link = f"{individual.number} {individual.evaluation.status} {individual.fitness.values} {gains}"
        self._chain = hashlib.sha256(self._chain + link.encode()).digest()


class RecordingTracker:
    """Keeps the events."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.closed = False

    def record(self, event: Event) -> None:
        self.events.append(event)

    def close(self) -> None:
        self.closed = True


def synthetic_operators() -> dict[str, Operator]:
    operators = (SyntheticOperator(), SyntheticOperator("leap", reach=30), SyntheticOperator("mix", arity=2))
    return {operator.name: operator for operator in operators}


def search_settings(**changes: object) -> SearchSettings:
    defaults = {
        "population": 4,
        "offspring": 5,
        "population_kind": PopulationKind.BEST,
        "selection": Selection.TOURNAMENT,
        "tournament": 2,
        "seed": 7,
        "budget": Budget(evaluations=23),
        "proposals_in_flight": 3,
        "evaluations_in_flight": 2,
    }
    return SearchSettings(**{**defaults, **changes})  # type: ignore[arg-type]


def synthetic_engine(
    settings: SearchSettings | None = None,
    *,
    operators: Mapping[str, Operator] | None = None,
    portfolio: Portfolio | None = None,
    task: Task | None = None,
    imports: Sequence[Import] = (),
) -> Engine:
    return Engine(
        task or synthetic_task(),
        settings or search_settings(),
        synthetic_operators() if operators is None else operators,
        portfolio or ChainPortfolio(),
        SOURCE,
        DEVICE,
        imports=imports,
    )
