"""What MLflow is to hold for each event of a search. Pure: the same events give the same points and files."""

from __future__ import annotations

import math
import re
import statistics
from typing import Literal

import msgspec

from evo.evaluation import Measurement, Stage, Status
from evo.events import Event, Failed, GenerationEnded, Settled, Stopped
from evo.objective import Individual
from experiments.tracking_settings import cut

PREFIXES = ("eval/", "gen/", "best/")
"""How the keys of our points begin; any other metric of a run is somebody else's."""

KEY_LENGTH = 250
FEEDBACK_LENGTH = 4000


class Point(msgspec.Struct, frozen=True):
    """One value of a metric; always finite."""

    key: str
    step: int
    value: float


class Artifact(msgspec.Struct, frozen=True):
    """A text file of a run, by its path in the run."""

    path: str
    text: str


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """An individual in a snapshot; names as in the contract types, `key` in hex for JSON's sake."""

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
    source: str
    device: str
    measurements: tuple[Measurement, ...]
    feedback: str

    @classmethod
    def of(cls, individual: Individual) -> Member:
        """Return the individual as a snapshot shows it."""
        proposal, kernel = individual.candidate.proposal, individual.candidate.kernel
        evaluation = individual.evaluation
        return cls(
            number=individual.number,
            operator=proposal.operator,
            parents=proposal.parents,
            generation=proposal.generation,
            island=proposal.island,
            key=f"{proposal.key:016x}",
            summary=individual.candidate.summary,
            kernel_digest=None if kernel is None else kernel.digest,
            plan_digest=evaluation.plan_digest,
            status=evaluation.status,
            stage=Stage(evaluation.stage).name.lower(),
            checks_passed=evaluation.checks_passed,
            checks_total=evaluation.checks_total,
            duplicate_of=evaluation.duplicate_of,
            cached=evaluation.cached,
            fitness=tuple(individual.fitness.values),
            speedup=individual.speedup,
            source=str(evaluation.source),
            device=evaluation.device,
            measurements=evaluation.measurements,
            feedback=cut(evaluation.feedback, FEEDBACK_LENGTH),
        )


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """A generation: who survived, best first, and everyone who was settled in it, the rejected included."""

    generation: int
    told: int
    population: tuple[Member, ...]
    settled: tuple[Member, ...]


class Writes(msgspec.Struct, frozen=True, kw_only=True):
    """What one event adds to its MLflow run."""

    points: list[Point] = []
    artifacts: list[Artifact] = []
    tags: dict[str, str] = {}
    status: Literal["FINISHED", "FAILED"] | None = None


class Projection:
    """Turns the events of one search, in order, into what MLflow is to hold."""

    def __init__(self) -> None:
        self._settled: list[Individual] = []
        self._best: Individual | None = None

    def of(self, event: Event) -> Writes:
        """Return what the event adds."""
        if isinstance(event, Settled):
            return self._of_settled(event)
        if isinstance(event, GenerationEnded):
            return self._of_generation(event)
        if isinstance(event, Stopped):
            best = [] if self._best is None else [Artifact("best.py", _source(self._best))]
            return Writes(artifacts=best, tags={"stop_reason": event.reason}, status="FINISHED")
        if isinstance(event, Failed):
            return Writes(tags={"failure": event.reason}, status="FAILED")
        return Writes()

    def _of_settled(self, event: Settled) -> Writes:
        self._settled.append(event.individual)
        if not event.elite:
            return Writes(points=points(event))
        self._best = event.individual
        number = str(event.individual.number)
        elite = Artifact(f"elites/{number}.py", _source(event.individual))
        return Writes(points=points(event), artifacts=[elite], tags={"best": number})

    def _of_generation(self, event: GenerationEnded) -> Writes:
        if self._best is None and event.population and event.population[0].evaluation.passed:
            self._best = event.population[0]
        snapshot = Snapshot(
            generation=event.generation,
            told=event.told,
            population=tuple(map(Member.of, event.population)),
            settled=tuple(map(Member.of, self._settled)),
        )
        self._settled = []
        text = msgspec.json.format(msgspec.json.encode(snapshot), indent=1).decode()
        path = f"lineage/generation-{event.generation:04d}.json"
        return Writes(points=points(event), artifacts=[Artifact(path, text)])


def points(event: Event) -> list[Point]:
    """Return an event's metric points: `eval/*` and `best/*` by candidate number, `gen/*` by generation."""
    if isinstance(event, Settled):
        step, values = event.individual.number, _evaluation_values(event)
    elif isinstance(event, GenerationEnded):
        step, values = event.generation, _generation_values(event)
    else:
        return []
    return [Point(key, step, float(value)) for key, value in values.items() if math.isfinite(value)]


def metric_key(text: str) -> str:
    """Return the text as one part of a metric's key: what MLflow does not allow there becomes its code point.

    Different texts give different keys. A dot marks what was replaced, so a dot is replaced too.
    """
    return re.sub(r"[^A-Za-z0-9_\- ]", lambda found: f".{ord(found[0]):x}.", text)


def _evaluation_values(event: Settled) -> dict[str, float]:
    individual, evaluation = event.individual, event.individual.evaluation
    values = {
        "eval/progress": individual.fitness.values[0],
        "eval/passed": float(evaluation.passed),
        "eval/cpu_seconds": evaluation.cost.cpu_seconds,
    }
    if individual.speedup is not None:
        values["eval/speedup"] = individual.speedup
        values["eval/log2_speedup"] = individual.fitness.values[1]
        if event.elite:
            values["best/speedup"] = individual.speedup
    for measurement in evaluation.measurements:
        key = f"eval/latency_ms/{metric_key(measurement.workload)}"
        values[key[:KEY_LENGTH]] = measurement.latency_ms
    return values


def _generation_values(event: GenerationEnded) -> dict[str, float]:
    values: dict[str, float] = {"gen/evaluations": event.told, "gen/population": len(event.population)}
    speedups = [individual.speedup for individual in event.population if individual.speedup is not None]
    if speedups:
        values |= {"gen/best_speedup": max(speedups), "gen/median_speedup": statistics.median(speedups)}
    counts = {status: event.statuses.get(status, 0) for status in Status}
    values |= {f"gen/{status.lower()}": count for status, count in counts.items()}
    if total := sum(counts.values()):
        values["gen/passed_share"] = counts[Status.PASSED] / total
        values["gen/duplicate_share"] = counts[Status.DUPLICATE] / total
    return values


def _source(elite: Individual) -> str:
    """Return the source of an elite, which has passed and so has a kernel."""
    if elite.candidate.kernel is None:
        raise ValueError(f"an elite has a kernel, got none for candidate {elite.number}")
    return elite.candidate.kernel.source
