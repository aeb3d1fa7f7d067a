"""A world of one of the synthetic landscapes, whose optimum is known."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from evo.candidate import Candidate
from evo.evaluation import Evaluation, Source
from evo.proposing import FOUNDING
from evo.protocols import Operator
from evo.task import Task
from experiments.bench.landscape import landscape_of
from experiments.bench.landscapes import Landscape
from experiments.bench.moves import moves_on
from experiments.study.simulator.costs import Costs
from experiments.study.simulator.stepping import at_once
from experiments.study.trace import Paid


class LandscapeWorld:
    """Implements `worlds.World` by a landscape (`experiments.bench.landscapes`) and costs.

    Attributes:
        landscape: where the search goes.
    """

    source = Source.MODELLED

    def __init__(self, landscape: Landscape, costs: Costs) -> None:
        """Take the landscape and what making and evaluating cost on it."""
        self.landscape = landscape
        self._costs = costs

    @classmethod
    def drawn(cls, kind: str, seed: int, costs: Costs) -> LandscapeWorld:
        """Return the landscape of a kind (`valleys`, `rugged`, `deceptive`, …) that a seed draws."""
        return cls(landscape_of(kind, seed), costs)

    @property
    def task(self) -> Task:
        """The landscape's."""
        return self.landscape.task

    @property
    def device(self) -> str:
        """The landscape's; no device is called so."""
        return self.landscape.device

    @property
    def weights(self) -> Mapping[str, float]:
        """All operators alike."""
        return dict.fromkeys(self.operators(), 1.0)

    @property
    def between_seconds(self) -> float:
        """As the costs say."""
        return self._costs.between_seconds

    def operators(self) -> Mapping[str, Operator]:
        """Return fresh operators, tuning left out: it holds back what the others are to show."""
        return {name: each for name, each in moves_on(self.landscape.name).items() if name != "tune"}

    def making(self, candidate: Candidate) -> Paid:
        """Return what is drawn for its key; founders are at hand."""
        proposal = candidate.proposal
        return Paid() if proposal.operator in FOUNDING else self._costs.made(proposal.operator, proposal.key)

    def evaluate(self, candidate: Candidate) -> Evaluation:
        """Return the landscape's verdict at a cost drawn for the proposal's key."""
        kernel = candidate.kernel or self.task.seed
        verdict = at_once(self.landscape.evaluate(kernel, self.task))
        cost = self._costs.evaluated(verdict.status, candidate.proposal.key)
        return msgspec.structs.replace(verdict, cost=cost)
