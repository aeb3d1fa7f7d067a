"""A run on paper: the real engine, asked and told as the real loop does, on virtual time.

What `evo.loop.Search` does is done here without waiting: proposals go ahead of evaluations, each up to its
own number in flight; in steady mode no more are owed than both together. Makings and evaluations take the
time that the world says they cost. Nothing is journalled; what a journal would tell comes as a trace.
"""

from __future__ import annotations

import math
from collections import deque
from functools import partial

import msgspec

from evo.candidate import Candidate, Proposal
from evo.engine import Engine
from evo.evaluation import Cost, Evaluation
from evo.events import GenerationEnded
from evo.making import make, malformed
from evo.protocols import Portfolio
from evo.settings import Mode, PopulationKind, SearchSettings
from experiments.study.simulator.stepping import Clock, at_once
from experiments.study.simulator.worlds import World
from experiments.study.trace import Paid, Step, Trace
from operators.observing import Announcing
from operators.portfolio import FixedWeights


def simulate(
    world: World, settings: SearchSettings, cell: str = "", portfolio: Portfolio | None = None
) -> Trace:
    """Return the trace of a search of a world; the same settings give the same trace.

    The portfolio draws by the world's weights unless another is given; it must be fresh.

    Raises:
        ValueError: an archive of ways to use the hardware, which fitted worlds know nothing of.
    """
    if settings.population_kind is PopulationKind.ARCHIVE and not hasattr(world, "landscape"):
        raise ValueError("a fitted world knows no use of the hardware, got search.population_kind = archive")
    operators = world.operators()
    chosen = Announcing(portfolio or FixedWeights(world.weights), operators.values())
    engine = Engine(world.task, settings, operators, chosen, world.source, world.device)
    return _Session(engine, world).run(cell)


class _Job(msgspec.Struct, frozen=True):
    """A candidate on its way, its asking and making."""

    candidate: Candidate
    making: Paid
    asked_s: float
    told_before: int

    @property
    def proposal(self) -> Proposal:
        return self.candidate.proposal


class _Session:
    """One simulated session."""

    def __init__(self, engine: Engine, world: World) -> None:
        self._engine = engine
        self._world = world
        self._clock = Clock()
        self._making = 0
        self._evaluating = 0
        self._made: deque[_Job] = deque()
        self._asks_from = 0.0
        self._tells: list[tuple[_Job, Evaluation, int, float]] = []

    def run(self, cell: str) -> Trace:
        """Search until the engine stops or the time is used."""
        settings = self._engine.settings
        self._ask()
        seconds = settings.budget.wall_seconds
        if self._clock.run(math.inf if seconds is None else seconds):
            self._engine.stop(f"wall time of {seconds:g} s used")
        return Trace(
            task=self._world.task.name, seed=settings.seed, cell=cell, source=self._world.source,
            device=self._world.device, steps=tuple(self._step(*tell) for tell in self._tells),
            generational=settings.mode is Mode.GENERATIONAL,
        )  # fmt: skip

    def _ask(self) -> None:
        """Ask and begin to make as many as may be under way."""
        settings = self._engine.settings
        ahead = settings.proposals_in_flight + settings.evaluations_in_flight
        while self._making < settings.proposals_in_flight and self._clock.now >= self._asks_from:
            if settings.mode is Mode.STEADY and self._engine.asked - self._engine.told >= ahead:
                return
            proposal = self._engine.ask()
            if proposal is None:
                return
            candidate = at_once(make(proposal, self._engine))
            making = self._world.making(candidate)
            job = _Job(candidate, making, self._clock.now, self._engine.told)
            self._making += 1
            self._clock.after(job.making.making_seconds, partial(self._is_made, job))

    def _is_made(self, job: _Job) -> None:
        self._making -= 1
        if job.candidate.kernel is None:
            self._tell(job, malformed(job.candidate, self._engine.source, self._engine.device))
        else:
            self._made.append(job)
        self._evaluate()
        self._ask()

    def _evaluate(self) -> None:
        """Begin to evaluate what is made, first come first served, as many as may be under way."""
        while self._made and self._evaluating < self._engine.settings.evaluations_in_flight:
            job = self._made.popleft()
            evaluation = self._verdict(job)
            self._evaluating += 1
            self._clock.after(evaluation.cost.wall_seconds, partial(self._is_evaluated, job, evaluation))

    def _verdict(self, job: _Job) -> Evaluation:
        known = self._engine.known(job.candidate)
        if known is not None:
            return msgspec.structs.replace(known, cost=Cost())
        return self._world.evaluate(job.candidate)

    def _is_evaluated(self, job: _Job, evaluation: Evaluation) -> None:
        self._evaluating -= 1
        self._tell(job, evaluation)
        self._evaluate()
        self._ask()

    def _tell(self, job: _Job, evaluation: Evaluation) -> None:
        stale = self._engine.told - job.told_before
        self._tells.append((job, evaluation, stale, self._clock.now))
        events = self._engine.tell(job.candidate, evaluation)
        if self._engine.settings.mode is Mode.GENERATIONAL and any(
            isinstance(event, GenerationEnded) for event in events
        ):
            self._asks_from = self._clock.now + self._world.between_seconds
            self._clock.after(self._world.between_seconds, self._ask)

    def _step(self, job: _Job, evaluation: Evaluation, stale: int, told_s: float) -> Step:
        proposal, cost = job.proposal, evaluation.cost
        individual = self._engine.individuals.get(proposal.number)
        status = evaluation.status if individual is None else individual.evaluation.status
        return Step(
            number=proposal.number, generation=proposal.generation, operator=proposal.operator,
            parents=proposal.parents, status=status, verdict=evaluation.status,
            speedup=None if individual is None else individual.speedup, staleness=stale,
            asked_s=job.asked_s, told_s=told_s, island=proposal.island, plan=evaluation.plan_digest,
            paid=msgspec.structs.replace(
                job.making, gpu_seconds=cost.gpu_seconds, cpu_seconds=cost.cpu_seconds,
                evaluating_seconds=cost.wall_seconds,
            ),
        )  # fmt: skip
