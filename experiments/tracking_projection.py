"""What MLflow is to hold for each event of a search: the same events and journal give the same of it."""

from __future__ import annotations

from typing import Literal

import msgspec

from evo.events import Event, Failed, GenerationEnded, Settled, Stopped
from evo.objective import Individual
from experiments.tracking_elite import Elite, kernel_of
from experiments.tracking_generation import generation_values
from experiments.tracking_members import Member, Snapshot
from experiments.tracking_points import Artifact, Point, finite, metric_key
from experiments.tracking_recorded import Recorded, Totals

PREFIXES = ("eval/", "gen/", "best/")
"""How the keys of our points begin; any other metric of a run is somebody else's."""


class Writes(msgspec.Struct, frozen=True, kw_only=True):
    """What one event adds to its MLflow run.

    Attributes:
        points, artifacts, tags: of the run itself.
        elite: what gets a nested run of its own.
        champion: the best of a search that has stopped, to be registered as a model; not the seed kernel.
        status: how the search ended.
    """

    points: tuple[Point, ...] = ()
    artifacts: tuple[Artifact, ...] = ()
    tags: dict[str, str] = {}
    elite: Elite | None = None
    champion: Elite | None = None
    status: Literal["FINISHED", "FAILED"] | None = None


class Projection:
    """Turns the events of one search, in order, into what MLflow is to hold."""

    def __init__(self, recorded: Recorded) -> None:
        """Take the search's journal, which is always ahead of the events."""
        self._recorded = recorded
        self._totals = Totals()
        self._settled: list[Individual] = []
        self._best: Individual | None = None

    def of(self, event: Event) -> Writes:
        """Return what the event adds.

        Raises:
            JournalError: the journal cannot be read.
        """
        if isinstance(event, Settled):
            return self._of_settled(event)
        if isinstance(event, GenerationEnded):
            return self._of_generation(event)
        if isinstance(event, Stopped):
            return self._of_stopped(event)
        if isinstance(event, Failed):
            return Writes(tags={"failure": event.reason}, status="FAILED")
        return Writes()

    def _of_settled(self, event: Settled) -> Writes:
        self._settled.append(event.individual)
        points = tuple(finite(_evaluation_values(event), event.individual.number))
        if not event.elite:
            return Writes(points=points)
        self._best = event.individual
        number = str(event.individual.number)
        source = Artifact(f"elites/{number}.py", kernel_of(event.individual).source)
        return Writes(
            points=points,
            artifacts=(source,),
            tags={"best": number},
            elite=Elite.of(event.individual, self._recorded),
        )

    def _of_generation(self, event: GenerationEnded) -> Writes:
        if self._best is None and event.population and event.population[0].evaluation.passed:
            self._best = event.population[0]
        settled = self._all_of(event)
        self._settled = []
        self._totals = self._recorded.totals([each.number for each in settled], self._totals)
        values = generation_values(event, settled, self._recorded, self._totals)
        snapshot = Snapshot(
            generation=event.generation,
            told=event.told,
            population=tuple(map(Member.of, event.population)),
            settled=tuple(map(Member.of, settled)),
        )
        artifact = Artifact(snapshot.path, snapshot.text)
        return Writes(points=tuple(finite(values, event.generation)), artifacts=(artifact,))

    def _all_of(self, event: GenerationEnded) -> list[Individual]:
        """Return all individuals of the generation: a session may have begun in the middle of it."""
        former = sum(event.statuses.values()) - len(self._settled)
        if former <= 0:
            return self._settled
        first = self._settled[0].number if self._settled else None
        return [*self._recorded.told_before(first, former), *self._settled]

    def _of_stopped(self, event: Stopped) -> Writes:
        tags = {"stop_reason": event.reason}
        if self._best is None:
            return Writes(tags=tags, status="FINISHED")
        best = Artifact("best.py", kernel_of(self._best).source)
        champion = Elite.of(self._best, self._recorded) if self._best.number else None
        return Writes(artifacts=(best,), tags=tags, champion=champion, status="FINISHED")


def _evaluation_values(event: Settled) -> dict[str, float]:
    individual, evaluation = event.individual, event.individual.evaluation
    spend, cost = individual.candidate.spend, evaluation.cost
    values = {
        "eval/progress": individual.fitness.values[0],
        "eval/passed": float(evaluation.passed),
        "eval/cpu_seconds": cost.cpu_seconds,
    }
    used = {"gpu_seconds": cost.gpu_seconds, "tokens": spend.tokens, "dollars": spend.dollars}
    values |= {f"eval/{name}": amount for name, amount in used.items() if amount}
    if individual.speedup is not None:
        values["eval/speedup"] = individual.speedup
        values["eval/log2_speedup"] = individual.fitness.values[1]
        if event.elite:
            values["best/speedup"] = individual.speedup
    for measurement in evaluation.measurements:
        values[f"eval/latency_ms/{metric_key(measurement.workload)}"] = measurement.latency_ms
    return values
