"""The parts of a self-test: each asks the judge and tells what came of it, whatever breaks."""

from __future__ import annotations

import asyncio
import functools
import math
import statistics
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from evo.candidate import Kernel
from evo.errors import KernevoError
from evo.evaluation import Evaluation
from evo.task import Role, Task
from experiments.exploits.corpus import Specimen
from experiments.report.devices import roof_of
from experiments.selftest.results import Repeated, RunDirectly, SeedTold, SpecimenTold, Timed
from experiments.suites.loader import load_task
from fitness.devices import Device
from fitness.judge.messages import Ask, Judged, Refused
from fitness.judge.pool import Judges
from fitness.judge.statistics import estimate, noise_floor, wins
from fitness.measured import MeasuredEvaluator
from fitness.opinion.second import Seeking
from fitness.rooms import Rooms
from fitness.settings import FitnessSettings
from fitness.stages import Stages
from fitness.verdicts import Fault

T = TypeVar("T")
NO_TIME = "no time was left for it"


class Examiner:
    """Asks one judge, so many things at once, until the time is up."""

    def __init__(
        self,
        rooms: Rooms,
        judges: Judges,
        device: Device,
        settings: FitnessSettings,
        deadline: float,
        at_once: int,
    ) -> None:
        """Ask judges that were started; the deadline is a reading of the event loop's clock."""
        self._rooms = rooms
        self._judges = judges
        self._device = device
        self._settings = settings
        self._deadline = deadline
        self._at_once = asyncio.Semaphore(at_once)
        self._evaluator = MeasuredEvaluator(
            rooms, judges, device, settings.limits, b"self-test", settings.judge
        )

    def close(self) -> None:
        """Give up what is under way."""
        self._evaluator.cancel()

    async def seeds(self, names: Iterable[str]) -> tuple[SeedTold, ...]:
        """Judge the seed kernels of some tasks against themselves."""
        return tuple(await asyncio.gather(*map(self._seed, names)))

    async def corpus(self, specimens: Iterable[Specimen]) -> tuple[SpecimenTold, ...]:
        """Judge kernels that cheat, and honest ones."""
        return tuple(await asyncio.gather(*map(self._specimen, specimens)))

    async def repeated(self, names: Iterable[str], runs: int) -> tuple[Repeated, ...]:
        """Hold seed kernels against themselves, one after the other."""
        told: list[Repeated] = []
        for name in names:
            found = await self._surely(functools.partial(self._against_itself, load_task(name), runs))
            told += [Repeated(task=name, fault=found)] if isinstance(found, str) else found
        return tuple(told)

    async def direct(self, names: Iterable[str], seeking: Seeking) -> tuple[RunDirectly, ...]:
        """Run seed kernels directly and hold that against what the judge says of them."""
        told = []
        for name in names:
            found = await self._surely(functools.partial(self._directly, load_task(name), seeking))
            told.append(
                RunDirectly(task=name, latencies={}, against=(found,)) if isinstance(found, str) else found
            )
        return tuple(told)

    async def _seed(self, name: str) -> SeedTold:
        task = load_task(name)
        told = await self._surely(lambda: self._evaluator.evaluate(task.seed, task))
        if isinstance(told, str):
            return SeedTold(task=name, fault=told)
        if not told.passed:
            return SeedTold(task=name, fault=_ended(told))
        return SeedTold(task=name, timed=_timed(told, task, self._device), note=told.feedback)

    async def _specimen(self, specimen: Specimen) -> SpecimenTold:
        task = load_task(specimen.task)
        told = await self._surely(lambda: self._evaluator.evaluate(Kernel(specimen.source), task))
        ended = told if isinstance(told, str) else _ended(told)
        missed = told if isinstance(told, str) else specimen.gpu.missed_by(told)
        return SpecimenTold(
            name=specimen.name, kind=str(specimen.kind), ended=ended, missed=missed or ""
        )  # fmt: skip

    async def _against_itself(self, task: Task, runs: int) -> list[Repeated] | str:
        stages = Stages(self._rooms, self._device.arch, self._settings.limits)
        built = await self._evaluator.build(task.seed, task, stages)
        if isinstance(built, Fault):
            return f"{built.status}: {built.feedback}"
        told: list[Judged] = []
        for number in range(runs):
            asked = Ask(
                number=0, task=task, mutated=built.described[0].mutated, candidate=built.subject,
                baseline=built.subject,
                checks=(), seed=number, rules=self._settings.judge.timing,
            )  # fmt: skip
            async with self._judges.turn() as judge:
                answer = await judge.ask(asked)
            if isinstance(answer, Refused):
                return f"{answer.status}: {answer.feedback}"
            told.append(answer)
        return [_level(task, place, told) for place in range(len(task.having(Role.TIME)))]

    async def _directly(self, task: Task, seeking: Seeking) -> RunDirectly | str:
        evaluation = await self._evaluator.evaluate(task.seed, task)
        if not evaluation.passed:
            return _ended(evaluation)
        stages = Stages(self._rooms, self._device.arch, self._settings.limits)
        opinion = await seeking.opinion(task.seed, task, evaluation, stages)
        return RunDirectly(task=task.name, latencies=opinion.latencies, against=opinion.against)

    async def _surely(self, work: Callable[[], Awaitable[T]]) -> T | str:
        """Return what work comes to, or why it comes to nothing: no part of a self-test ends the others."""
        try:
            async with self._at_once, asyncio.timeout_at(self._deadline):
                return await work()
        except TimeoutError:
            return NO_TIME
        except KernevoError as error:
            return f"{type(error).__name__}: {error}"


def _ended(told: Evaluation) -> str:
    """Return how an evaluation ended, in a line."""
    feedback = " ".join(told.feedback.split())[:200]
    return f"{told.status} at {told.stage.name.lower()}: {feedback}"


def _timed(told: Evaluation, task: Task, device: Device) -> tuple[Timed, ...]:
    """Return what was measured of a seed kernel; its interval is its noise, for its own ratio is 1."""
    workloads = {each.name: each for each in task.workloads}
    return tuple(
        Timed(
            workload=each.workload, latency_ms=each.latency_ms, noise=each.high_ms / each.latency_ms - 1.0,
            share=roof_of(workloads[each.workload], device).floor_ms / each.latency_ms
            if workloads[each.workload].bytes else None,
        )
        for each in told.measurements
    )  # fmt: skip


def _level(task: Task, place: int, told: list[Judged]) -> Repeated:
    """Return what repeated A/A runs on one timed workload come to; each is judged by the one before."""
    ratios = [each.timings[place].log_ratios for each in told]
    medians = [estimate(each).median for each in ratios]
    floors = [noise_floor(each) for each in ratios]
    return Repeated(
        task=task.name, workload=told[0].timings[place].workload, runs=len(told),
        sd=statistics.pstdev(medians), worst=max(map(math.fabs, medians)),
        false_wins=sum(wins(estimate(each), floors[number - 1]) for number, each in enumerate(ratios)),
    )  # fmt: skip
