"""What making and evaluating cost on paper: drawn from what was measured, or from a distribution."""

from __future__ import annotations

import itertools
import random
import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

import msgspec

from evo.candidate import Spend
from evo.evaluation import Cost, Status
from experiments.study.trace import Paid, Step, Trace

T = TypeVar("T")

ANY = ""
"""Key of what is drawn for an operator or a status of which nothing was measured."""


class Costs(msgspec.Struct, frozen=True, kw_only=True):
    """Measured costs, from which one is drawn for each candidate, all its parts together.

    Attributes:
        making: of an operator's answers, by its name; `ANY` holds all of them.
        evaluating: of evaluations, by the status that they ended with; `ANY` holds all of them.
        between_seconds: wall time from the end of a generation to the first proposal of the next.
    """

    making: Mapping[str, tuple[Paid, ...]]
    evaluating: Mapping[str, tuple[Cost, ...]]
    between_seconds: float = 0.0

    def __post_init__(self) -> None:
        """Refuse costs that hold nothing to draw for what was not measured."""
        if not self.making.get(ANY) or not self.evaluating.get(ANY):
            raise ValueError("costs must hold at least one answer and one evaluation, got none")

    def made(self, operator: str, key: int) -> Paid:
        """Return what an operator's answer costs; the same key draws the same."""
        return _drawn(self.making, operator, key ^ 1)

    def evaluated(self, status: Status, key: int) -> Cost:
        """Return what an evaluation with this end costs; the same key draws the same."""
        return _drawn(self.evaluating, status, key ^ 2)

    def most(self, operator: str) -> Spend:
        """Return the most that one answer of an operator may cost."""
        answers = self.making.get(operator, self.making[ANY])
        return Spend(
            tokens_in=max(each.tokens for each in answers), dollars=max(each.dollars for each in answers),
            calls=max(each.llm_calls for each in answers),
        )  # fmt: skip


def measured_costs(traces: Sequence[Trace]) -> Costs:
    """Return what was measured in runs; what founders and cache hits cost is left out.

    Raises:
        ValueError: the runs hold no candidate but founders.
    """
    steps = [step for trace in traces for step in trace.steps if step.generation and not step.cached]
    making: dict[str, list[Paid]] = {ANY: []}
    evaluating: dict[str, list[Cost]] = {ANY: []}
    for step in steps:
        cost = Cost(
            cpu_seconds=step.paid.cpu_seconds, gpu_seconds=step.paid.gpu_seconds,
            wall_seconds=step.paid.evaluating_seconds,
        )  # fmt: skip
        for name in (step.operator, ANY):
            making.setdefault(name, []).append(step.paid)
        for name in (step.status, ANY):
            evaluating.setdefault(name, []).append(cost)
    gaps = [gap for trace in traces if trace.generational for gap in _between(trace)]
    return Costs(
        making={name: tuple(each) for name, each in making.items()},
        evaluating={name: tuple(each) for name, each in evaluating.items()},
        between_seconds=statistics.median(gaps) if gaps else 0.0,
    )


def drawn_costs(
    *, making_seconds: float, evaluating_seconds: float, spread: float = 0.5, gpu_share: float = 0.0,
    llm_calls: int = 0, tokens: int = 0, dollars: float = 0.0, count: int = 1_000,
) -> Costs:  # fmt: skip
    """Return costs that nobody measured: times are lognormal with these medians and log standard deviation.

    Args:
        making_seconds, evaluating_seconds: medians.
        spread: standard deviation of the logarithm of both.
        gpu_share: share of an evaluation for which a GPU is held.
        llm_calls, tokens, dollars: of each answer.
        count: how many are drawn ahead.
    """
    rng = random.Random(0)
    making = tuple(
        Paid(
            llm_calls=llm_calls, tokens=tokens, dollars=dollars,
            making_seconds=making_seconds * rng.lognormvariate(0.0, spread),
        )
        for _ in range(count)
    )  # fmt: skip
    seconds = [evaluating_seconds * rng.lognormvariate(0.0, spread) for _ in range(count)]
    evaluating = tuple(Cost(wall_seconds=each, gpu_seconds=gpu_share * each) for each in seconds)
    return Costs(
        making={ANY: making}, evaluating={ANY: evaluating, Status.DUPLICATE: (Cost(),)}, between_seconds=0.0
    )


def _drawn(known: Mapping[str, tuple[T, ...]], name: str, key: int) -> T:
    each = known.get(name) or known[ANY]
    return each[random.Random(key).randrange(len(each))]


def _between(trace: Trace) -> Iterator[float]:
    """Yield the time from the last tell of each generation to the first ask of the next."""
    by_generation = itertools.groupby(trace.steps, lambda step: step.generation)
    generations = [(number, list(steps)) for number, steps in by_generation]
    for (_, before), (_, after) in itertools.pairwise(generations):
        yield max(0.0, _first_ask(after) - before[-1].told_s)


def _first_ask(steps: Iterable[Step]) -> float:
    return min(step.asked_s for step in steps)
