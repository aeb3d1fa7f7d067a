"""Members: the individuals of a generation as a snapshot in MLflow tells them, and back again."""

from __future__ import annotations

import math

import msgspec

from evo.candidate import Candidate, Origin, Proposal, Spend
from evo.evaluation import Cost, Evaluation, Measurement, Resources, Source, Stage, Status
from evo.objective import Individual, KernelFitness
from experiments.tracking_settings import cut

FEEDBACK_LENGTH = 4000


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """An individual in a snapshot; names as in the contract types, `key` in hex for JSON's sake.

    All of the individual is here but the kernel's source, of which there is the digest, and what feedback has
    beyond 4,000 characters. Snapshots of before lack what has a default.
    """

    number: int
    operator: str
    parents: tuple[int, ...]
    generation: int
    island: int
    key: str
    summary: str
    kernel_digest: str | None
    plan_digest: str | None
    status: Status
    stage: str
    checks_passed: int
    checks_total: int
    duplicate_of: int | None
    cached: bool
    fitness: tuple[float, ...]
    speedup: float | None
    source: Source
    device: str
    measurements: tuple[Measurement, ...]
    feedback: str
    attempt: int = 0
    turn: int = 0
    first_key: str | None = None
    resources: tuple[Resources, ...] = ()
    cost: Cost = Cost()
    syntax: str | None = None
    redraws: int = 0
    spend: Spend = Spend()
    request: str | None = None
    origin: Origin | None = None

    @classmethod
    def of(cls, individual: Individual) -> Member:
        """Return the individual as a snapshot shows it."""
        candidate, evaluation = individual.candidate, individual.evaluation
        proposal = candidate.proposal
        return cls(
            number=individual.number,
            operator=proposal.operator,
            parents=proposal.parents,
            generation=proposal.generation,
            island=proposal.island,
            key=f"{proposal.key:016x}",
            summary=candidate.summary,
            kernel_digest=None if candidate.kernel is None else candidate.kernel.digest,
            plan_digest=evaluation.plan_digest,
            status=evaluation.status,
            stage=Stage(evaluation.stage).name.lower(),
            checks_passed=evaluation.checks_passed,
            checks_total=evaluation.checks_total,
            duplicate_of=evaluation.duplicate_of,
            cached=evaluation.cached,
            fitness=tuple(individual.fitness.values),
            speedup=individual.speedup,
            source=evaluation.source,
            device=evaluation.device,
            measurements=evaluation.measurements,
            feedback=cut(evaluation.feedback, FEEDBACK_LENGTH),
            attempt=proposal.attempt,
            turn=proposal.turn,
            first_key=_in_hex(proposal.first_key),
            resources=evaluation.resources,
            cost=_finite(evaluation.cost),
            syntax=candidate.syntax,
            redraws=candidate.redraws,
            spend=candidate.spend,
            request=candidate.request,
            origin=candidate.origin,
        )

    @property
    def individual(self) -> Individual:
        """The individual, without the source of its kernel."""
        proposal = Proposal(
            number=self.number, operator=self.operator, parents=self.parents, generation=self.generation,
            key=int(self.key, 16), island=self.island, attempt=self.attempt, turn=self.turn,
            first_key=None if self.first_key is None else int(self.first_key, 16),
        )  # fmt: skip
        candidate = Candidate(
            proposal=proposal, kernel=None, summary=self.summary, syntax=self.syntax, redraws=self.redraws,
            spend=self.spend, request=self.request, origin=self.origin,
        )  # fmt: skip
        evaluation = Evaluation(
            status=self.status, stage=Stage[self.stage.upper()], source=self.source, device=self.device,
            feedback=self.feedback, checks_passed=self.checks_passed, checks_total=self.checks_total,
            measurements=self.measurements, resources=self.resources, plan_digest=self.plan_digest,
            duplicate_of=self.duplicate_of, cached=self.cached, cost=self.cost,
        )  # fmt: skip
        return Individual(candidate=candidate, evaluation=evaluation, fitness=KernelFitness(self.fitness))


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """A generation: who survived, best first, and everyone who was settled in it, the rejected included."""

    generation: int
    told: int
    population: tuple[Member, ...]
    settled: tuple[Member, ...]

    @property
    def path(self) -> str:
        """Where the run holds it."""
        return f"{SNAPSHOTS}/generation-{self.generation:04d}.json"

    @property
    def text(self) -> str:
        """The snapshot as JSON."""
        return readable(self)


SNAPSHOTS = "lineage"
"""The folder of a run's artifacts that holds the snapshots, one a generation."""


def readable(value: object) -> str:
    """Return what msgspec writes as JSON of one value a line."""
    return msgspec.json.format(msgspec.json.encode(value), indent=1).decode()


def _in_hex(key: int | None) -> str | None:
    """Return a key as text: JSON's readers round whole numbers of 64 bits."""
    return None if key is None else f"{key:016x}"


def _finite(cost: Cost) -> Cost:
    """Return the cost with 0 for whatever is not finite, which JSON cannot say."""
    stages = {
        name: seconds if math.isfinite(seconds) else 0.0 for name, seconds in cost.stage_seconds.items()
    }
    amounts = {name: getattr(cost, name) for name in ("cpu_seconds", "wall_seconds", "gpu_seconds")}
    sums = {name: amount if math.isfinite(amount) else 0.0 for name, amount in amounts.items()}
    return Cost(stage_seconds=stages, **sums)
