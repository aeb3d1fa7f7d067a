"""Rates: what a candidate costs, measured in earlier runs of the study or in committed benchmarks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

from evo.tables import is_blank
from experiments.bench.results import RESULTS
from experiments.run_folder import JOURNAL
from experiments.study.estimators.summaries import paid_in_all
from experiments.study.gathered import read_trace
from experiments.study.grid import Cell
from experiments.study.trace import Step

SUITE = "suite"


class Rate(msgspec.Struct, frozen=True, kw_only=True):
    """What a candidate costs on the average; None where nobody has measured it.

    Attributes:
        seconds: wall time of making and evaluating it.
        core_seconds, gpu_seconds: of its evaluation.
        llm_calls, tokens, dollars: of making it.
        origin: where that was measured.
    """

    seconds: float | None = None
    core_seconds: float | None = None
    gpu_seconds: float | None = None
    llm_calls: float | None = None
    tokens: float | None = None
    dollars: float | None = None
    origin: str = "nothing measured yet"


def rates_of(folder: Path, cells: Sequence[Cell], *, asks_models: bool, has_gpu: bool) -> dict[str, Rate]:
    """Return the rates of each task: of runs in the study's folder and its pilot's, else of the benchmarks.

    Verdicts from the cache are in no rate. Without models nothing is paid for, without a GPU none is held.
    """
    paths: dict[str, list[Path]] = {}
    for cell in cells:
        for run in cell.runs:
            places = (folder / run.path, folder / "pilot" / run.path)
            paths.setdefault(cell.task, []).extend(place for place in places if _begun(place))
    known: Mapping[str, Rate] = {} if has_gpu else _recorded()
    free = {} if asks_models else {"llm_calls": 0.0, "tokens": 0.0, "dollars": 0.0}
    free |= {} if has_gpu else {"gpu_seconds": 0.0}
    rates = {}
    for task, own in paths.items():
        seen = _seen(own)
        rate = seen or known.get(task) or _typical(known.values())
        rates[task] = msgspec.structs.replace(rate, **free)
    return rates


def _begun(folder: Path) -> bool:
    return (folder / JOURNAL).is_file() and not is_blank(folder / JOURNAL)


def _seen(folders: Iterable[Path]) -> Rate | None:
    """Return the rates in journals; None if they have no candidate that was evaluated."""
    steps: list[Step] = []
    for folder in folders:
        steps += (step for step in read_trace(folder, "").steps if not step.cached)
    if not steps:
        return None
    paid, count = paid_in_all(steps), len(steps)
    return Rate(
        seconds=(paid.making_seconds + paid.evaluating_seconds) / count,
        core_seconds=paid.cpu_seconds / count, gpu_seconds=paid.gpu_seconds / count,
        llm_calls=paid.llm_calls / count, tokens=paid.tokens / count, dollars=paid.dollars / count,
        origin=f"{count:,} evaluations of this study",
    )  # fmt: skip


class _Task(msgspec.Struct):
    per_second: float
    core_seconds_median: float


class _Figures(msgspec.Struct):
    workers: int
    by_task: dict[str, _Task]


class _Suite(msgspec.Struct):
    figures: _Figures


def _recorded() -> dict[str, Rate]:
    """Return the rates that the benchmark of all core tasks saw, if it is there."""
    path = RESULTS / f"{SUITE}.json"
    if not path.is_file():
        return {}
    figures = msgspec.json.decode(path.read_bytes(), type=_Suite).figures
    return {
        task: Rate(
            seconds=figures.workers / each.per_second, core_seconds=each.core_seconds_median,
            origin=f"results/{SUITE}.json",
        )
        for task, each in figures.by_task.items()
    }  # fmt: skip


def _typical(rates: Iterable[Rate]) -> Rate:
    """Return the slowest of the rates that are known, for a task that nobody has measured."""
    slowest = max(rates, key=lambda rate: rate.seconds or 0.0, default=None)
    if slowest is None:
        return Rate()
    return msgspec.structs.replace(
        slowest, origin=f"the slowest task in {slowest.origin}, for want of its own"
    )
