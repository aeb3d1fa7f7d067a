"""Plan: what a study will cost in every currency, and how long it takes, before anything is spent."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence

import msgspec

from experiments.report.wording import count, duration
from experiments.study.currency import Allowance, Currency
from experiments.study.grid import Cell, in_order
from experiments.study.rates import Rate

SPENT = {
    Currency.EVALUATIONS: "evaluations", Currency.LLM_CALLS: "llm_calls", Currency.TOKENS: "tokens",
    Currency.DOLLARS: "dollars", Currency.GPU_SECONDS: "gpu_seconds", Currency.WALL_SECONDS: "seconds",
}  # fmt: skip
"""The rate that says how many candidates a currency buys."""


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """What is expected at most; None where nothing was measured to expect it from.

    Attributes:
        evaluations: candidates, the seed kernel in every run included; the cache may know many of them.
        llm_calls, tokens, dollars: of making them.
        gpu_seconds, core_seconds, seconds: of making and evaluating them, one after the other.
    """

    evaluations: float | None = 0.0
    llm_calls: float | None = 0.0
    tokens: float | None = 0.0
    dollars: float | None = 0.0
    gpu_seconds: float | None = 0.0
    core_seconds: float | None = 0.0
    seconds: float | None = 0.0

    def __add__(self, other: Cost) -> Cost:
        pairs = {name: (getattr(self, name), getattr(other, name)) for name in self.__struct_fields__}
        return Cost(
            **{n: None if one is None or two is None else one + two for n, (one, two) in pairs.items()}
        )


class MixPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What one mix is to cost.

    Attributes:
        mix: its name.
        cells, runs: how many of both, all tasks and seeds together.
        share: what each run may spend of the study's currency.
        cost: of all its runs.
    """

    mix: str
    cells: int
    runs: int
    share: float
    cost: Cost


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a study is to cost.

    Attributes:
        name, question: the study's.
        budget: of each cell, in words.
        where: device and source.
        tasks, seeds: of the grid.
        mixes: one by one.
        cost: of all of them.
        workers: processes that search side by side.
        seconds: until all is done; None where no rate is known.
        origins: where the rates come from, by task.
    """

    name: str
    question: str
    budget: str
    where: str
    tasks: tuple[str, ...]
    seeds: tuple[int, ...]
    mixes: tuple[MixPlan, ...]
    cost: Cost
    workers: int
    seconds: float | None
    origins: dict[str, str]

    @property
    def text(self) -> str:
        """The plan for people, in lines."""
        cells, runs = (sum(getattr(mix, name) for mix in self.mixes) for name in ("cells", "runs"))
        lines = [
            f"{self.name}: {count(cells, 'cell')}, {count(runs, 'run')}; {_crossed(self)}",
            f"each cell may spend {self.budget}",
            f"{self.where}; tasks {', '.join(self.tasks)}; seeds {', '.join(map(str, self.seeds))}",
            "",
            f"{'mix':28}{'cells':>6}{'runs':>7}{'a run':>10}{'evaluations':>13}{'LLM calls':>11}"
            f"{'tokens':>12}{'dollars':>10}{'GPU s':>9}{'core s':>9}",
        ]
        lines += [
            f"{each.mix:28.28}{each.cells:6}{each.runs:7,}{each.share:10,g}{_costs(each.cost)}"
            for each in self.mixes
        ]
        lines.append(f"{'all, at most':28}{cells:6}{runs:7,}{'':10}{_costs(self.cost)}")
        took = (
            "of unknown length: a pilot would tell"
            if self.seconds is None
            else f"about {duration(self.seconds)}"
        )
        lines += ["", f"With {_workers(self.workers)}: {took}. Verdicts that the cache knows cost nothing."]
        lines += [f"Rates of {task}: {origin}." for task, origin in self.origins.items()]
        return "\n".join(lines)


def plan_of(
    name: str, question: str, cells: Sequence[Cell], budget: Allowance, rates: Mapping[str, Rate],
    workers: int, where: str,
) -> Plan:  # fmt: skip
    """Return the plan of cells; nothing is spent."""
    mixes = []
    for mix in dict.fromkeys(cell.mix for cell in cells):
        own = [cell for cell in cells if cell.mix == mix]
        share = budget.share(len(own[0].runs))
        costs = [_run_cost(share, budget.currency, rates[cell.task]) for cell in own for _ in cell.runs]
        mixes.append(
            MixPlan(mix=mix, cells=len(own), runs=len(costs), share=share, cost=sum(costs, start=Cost()))
        )
    return Plan(
        name=name, question=question, budget=str(budget), where=where,
        tasks=tuple(dict.fromkeys(cell.task for cell in cells)),
        seeds=tuple(dict.fromkeys(cell.seed for cell in cells)), mixes=tuple(mixes),
        cost=sum((each.cost for each in mixes), start=Cost()), workers=workers,
        seconds=_makespan(cells, budget, rates, workers),
        origins={task: rate.origin for task, rate in rates.items()},
    )  # fmt: skip


def _run_cost(share: float, currency: Currency, rate: Rate) -> Cost:
    """Return what a run is expected to cost; the seed kernel costs no model anything."""
    price = 1.0 if currency is Currency.EVALUATIONS else getattr(rate, SPENT[currency])
    if not price:
        return Cost(**dict.fromkeys(Cost.__struct_fields__))
    candidates = share / price

    def times(each: float | None, count: float) -> float | None:
        return None if each is None else each * count

    return Cost(
        evaluations=candidates + 1, llm_calls=times(rate.llm_calls, candidates),
        tokens=times(rate.tokens, candidates), dollars=times(rate.dollars, candidates),
        gpu_seconds=times(rate.gpu_seconds, candidates + 1),
        core_seconds=times(rate.core_seconds, candidates + 1), seconds=times(rate.seconds, candidates + 1),
    )  # fmt: skip


def _makespan(
    cells: Sequence[Cell], budget: Allowance, rates: Mapping[str, Rate], workers: int
) -> float | None:
    """Return the seconds until the last run has ended, begun in order as workers become free."""
    shares = {cell.mix: budget.share(len(cell.runs)) for cell in cells}
    free = [0.0] * workers
    for run in in_order(tuple(cells)):
        took = _run_cost(shares[run.mix], budget.currency, rates[run.task]).seconds
        if took is None:
            return None
        heapq.heappush(free, heapq.heappop(free) + took / run.settings.search.evaluations_in_flight)
    return max(free)


def _costs(cost: Cost) -> str:
    return (
        f"{_said(cost.evaluations):>13}{_said(cost.llm_calls):>11}{_said(cost.tokens):>12}"
        f"{_said(cost.dollars, 2):>10}{_said(cost.gpu_seconds):>9}{_said(cost.core_seconds):>9}"
    )


def _said(amount: float | None, digits: int = 0) -> str:
    return "?" if amount is None else f"{amount:,.{digits if amount else 0}f}"


def _crossed(plan: Plan) -> str:
    """Return the sides of the grid in words."""
    sides = (("mixes", plan.mixes), ("tasks", plan.tasks), ("seeds", plan.seeds))
    return " × ".join(f"{len(those)} {name}" for name, those in sides)


def _workers(count: int) -> str:
    return "one worker" if count == 1 else f"{count} workers"
