"""Worlds: what a simulated search searches. Operators, a judge that takes no time, and costs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from evo.candidate import Candidate
from evo.evaluation import Evaluation, Source
from evo.protocols import Operator
from evo.task import Task
from experiments.study.trace import Paid


class World(Protocol):
    """What a simulation needs of the place that is searched. Nothing in it depends on time."""

    @property
    def task(self) -> Task:
        """The task, whose seed kernel passes."""

    @property
    def source(self) -> Source:
        """`modelled`: nothing of a simulation is measured."""

    @property
    def device(self) -> str:
        """What evaluations call the device; it says that it is simulated."""

    @property
    def weights(self) -> Mapping[str, float]:
        """How often each operator is asked, by name."""

    @property
    def between_seconds(self) -> float:
        """Wall time from the end of a generation to the first proposal of the next."""

    def operators(self) -> Mapping[str, Operator]:
        """Return fresh operators, by name."""

    def making(self, candidate: Candidate) -> Paid:
        """Return what was paid for a candidate, and how long it took to make."""

    def evaluate(self, candidate: Candidate) -> Evaluation:
        """Return the verdict on a candidate that has a kernel, with what it cost."""
