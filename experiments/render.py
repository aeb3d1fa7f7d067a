"""What the terminal shows of a run: tables for people, and the same as plain data for `--json`."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.syntax import Syntax
from rich.table import Table

from evo.budget import counted
from evo.candidate import Spend
from evo.credit import Credits, OperatorCredit
from evo.engine import Engine
from evo.evaluation import Evaluation, Source, Status
from evo.events import Paused
from evo.gain import TUNING, gain
from evo.lineage import Lineage
from evo.objective import Individual, geometric_speedup, speedups
from experiments.run_folder import BEST


def show_outcome(
    console: Console, folder: Path, engine: Engine, credits: Credits, ending: str | Paused | None
) -> None:
    """Print how a session ended: the tables, the winner's source and its line of descent."""
    console.print()
    show_table(console, engine, credits)
    elite = engine.elite
    if elite is not None and elite.candidate.kernel is not None:
        console.print(f"\nThe winner, candidate {elite.number}, is {folder / BEST}:\n")
        source = elite.candidate.kernel.source.rstrip()
        shown = Syntax(source, "python", background_color="default").highlight(source)
        shown.rstrip()
        console.print(shown)
        console.print("\nIts line of descent:\n")
        line = Lineage(engine.individuals).line(elite.number)
        show_candidates(console, heading(engine), engine.individuals, line, steps=True)
    console.print(f"\n{_ending(folder, ending)}", soft_wrap=True)


def _ending(folder: Path, ending: str | Paused | None) -> str:
    """Return how a session ended, and what to type to go on."""
    run = shlex.quote(str(folder))
    if isinstance(ending, Paused):
        waiting = f"waiting for replies to {counted(ending.waiting, 'proposal')}"
        return f"{waiting}; write the requests with: kernevo ask {run} --out batch.jsonl"
    return f"stopped: {ending}" if ending else f"interrupted; go on with: kernevo resume {run}"


def heading(engine: Engine) -> str:
    """Return what tables of a run are called: the task, and where all figures come from."""
    return f"{engine.task.name} on {engine.device} ({engine.source})"


def show_table(console: Console, engine: Engine, credits: Credits) -> None:
    """Print each timed workload's latency before and after, and what became of candidates and operators."""
    elite, baseline = engine.elite, engine.baseline
    if elite is None or baseline is None:
        console.print("nothing evaluated yet")
        return
    table = Table(title=heading(engine), title_justify="left")
    table.add_column("workload")
    for title in ("seed ms", "best ms", "speed-up"):
        table.add_column(title, justify="right")
    ratios = speedups(elite.evaluation, baseline)
    for before, after in zip(baseline.measurements, elite.evaluation.measurements, strict=True):
        table.add_row(
            before.workload, f"{before.latency_ms:.4f}", f"{after.latency_ms:.4f}",
            f"{ratios[before.workload]:.2f}x",
        )  # fmt: skip
    table.add_section()
    table.add_row("geometric mean", "", "", f"{elite.speedup:.2f}x")
    console.print(table)
    counts = ", ".join(f"{count} {status.lower()}" for status, count in credits.statuses.items())
    console.print(f"{engine.told} candidates in {engine.generation} generations: {counts}")
    if credits.operators:
        show_credits(console, credits, engine.source)


def show_credits(console: Console, credits: Credits, source: Source) -> None:
    """Print what came of each operator, ideas first and tuning below them; gains are doublings of speed."""
    table = Table(title=f"operators, by doublings of speed over the parents ({source})", title_justify="left")
    table.add_column("operator")
    for title in ("asked", "malformed", "passed", "improved", "gain", "mean", "per evaluation", "best"):
        table.add_column(title, justify="right")
    paid = any(each.spend.tokens or each.spend.dollars for each in credits.operators)
    for title in ("tokens", "dollars") if paid else ():
        table.add_column(title, justify="right")
    for tuning in (False, True):
        table.add_section()
        for each in (each for each in credits.operators if each.tuning is tuning):
            ends = [each.asked, each.statuses.get(Status.MALFORMED, 0), each.statuses.get(Status.PASSED, 0)]
            money = (f"{each.spend.tokens}", f"{each.spend.dollars:.4g}") if paid else ()
            table.add_row(
                f"{each.operator} (tuning)" if tuning else each.operator,
                *map(str, [*ends, each.improved]), f"{each.gain:.2f}", f"{each.mean_gain:.3f}",
                f"{each.gain_per_evaluation:.4f}", _times(each.best_speedup), *money,
        )  # fmt: skip
    console.print(table)


def show_candidates(
    console: Console,
    title: str,
    individuals: Mapping[int, Individual],
    numbers: Sequence[int],
    *,
    steps: bool,
) -> None:
    """Print candidates, one a row; with `steps`, each is made from the one above and shows what it gained.

    What tuning gained along the steps is then told apart from what ideas did.
    """
    table = Table(title=title, title_justify="left")
    for column, justify in (("id", "right"), ("gen", "right"), ("status", "left"), ("speed-up", "right"),
                             ("step", "right"), ("operator", "left"), ("change", "left")):  # fmt: skip
        table.add_column(column, justify=justify)  # type: ignore[arg-type]
    before: float | None = None
    factors = {True: 1.0, False: 1.0}
    for each in numbers:
        individual = individuals[each]
        proposal, speedup = individual.candidate.proposal, individual.speedup
        step = speedup / before if steps and speedup and before else None
        factors[proposal.operator in TUNING] *= step or 1.0
        table.add_row(
            str(each), str(proposal.generation), individual.evaluation.status,
            _times(speedup), _times(step), proposal.operator, individual.candidate.summary,
        )  # fmt: skip
        before = speedup or before
    console.print(table)
    if steps:
        console.print(f"by ideas {_times(factors[False])}, by tuning {_times(factors[True])}")


def show_evaluation(console: Console, evaluation: Evaluation, baseline: Evaluation) -> None:
    """Print the verdict on one kernel, and its latencies beside the seed kernel's."""
    console.print(f"{evaluation.status} on {evaluation.device} ({evaluation.source})")
    if evaluation.feedback:
        console.print(evaluation.feedback, markup=False)
    if not evaluation.passed:
        return
    ratios = speedups(evaluation, baseline)
    for each in evaluation.measurements:
        console.print(
            f"  {each.workload}: {each.latency_ms:.4f} ms {each.source}, "
            f"{ratios[each.workload]:.2f}x the seed"
        )
    for used in evaluation.resources:
        console.print(
            f"  {used.kernel}: {used.registers} registers, {used.spills} spilled, {used.shared_bytes} bytes "
            f"shared, {used.warps} warps, occupancy {used.occupancy:.0%}"
        )


def evaluation_data(evaluation: Evaluation, baseline: Evaluation) -> dict[str, Any]:
    """Return an evaluation under its own field names, with its `speedup`."""
    return {**msgspec.to_builtins(evaluation), "speedup": geometric_speedup(evaluation, baseline)}


def status_data(folder: Path, engine: Engine, credits: Credits, lineage: str) -> dict[str, Any]:
    """Return where a run stands; `lineage` is its lineage's digest."""
    elite = engine.elite
    return {
        "run": str(folder),
        "task": engine.task.name,
        "device": engine.device,
        "source": engine.source,
        "stopped": engine.stopped,
        "generation": engine.generation,
        "evaluations": engine.told,
        "statuses": msgspec.to_builtins(credits.statuses),
        "operators": [credit_data(each) for each in credits.operators],
        "gain": {"ideas": credits.gain(tuning=False), "tuning": credits.gain(tuning=True)},
        "spend": _amounts(engine.spend),
        "best": None if elite is None else individual_data(elite),
        "lineage_digest": lineage,
    }


def individual_data(individual: Individual) -> dict[str, Any]:
    """Return an individual as data: candidate without its source, evaluation, speed-up."""
    candidate = individual.candidate
    return {
        "number": individual.number,
        "proposal": msgspec.to_builtins(candidate.proposal),
        "kernel": candidate.kernel.digest if candidate.kernel else None,
        "summary": candidate.summary,
        "spend": _amounts(candidate.spend),
        "evaluation": msgspec.to_builtins(individual.evaluation),
        "speedup": individual.speedup,
    }


def credit_data(credit: OperatorCredit) -> dict[str, Any]:
    """Return what came of an operator as data; gains are log2."""
    counts = {"told": credit.told, "passed": credit.statuses.get(Status.PASSED, 0),
              "malformed": credit.statuses.get(Status.MALFORMED, 0)}  # fmt: skip
    gains = {"mean_gain": credit.mean_gain, "gain_per_evaluation": credit.gain_per_evaluation}
    return {**msgspec.to_builtins(credit), **counts, **gains, "spend": _amounts(credit.spend)}


def lineage_data(individuals: Mapping[int, Individual], numbers: Sequence[int]) -> dict[str, Any]:
    """Return some candidates, rejected ones included, as data, each with its gain (log2) over its parents."""
    return {"candidates": [_step_data(individuals, number) for number in numbers]}


def _step_data(individuals: Mapping[int, Individual], number: int) -> dict[str, Any]:
    individual = individuals[number]
    proposal = individual.candidate.proposal
    gained = gain(individual, [individuals[parent] for parent in proposal.parents])
    return {**individual_data(individual), "gain": gained, "tuning": proposal.operator in TUNING}


def _amounts(spend: Spend) -> dict[str, float]:
    return {"tokens_in": spend.tokens_in, "tokens_out": spend.tokens_out, "dollars": spend.dollars}


def _times(factor: float | None) -> str:
    return f"{factor:.2f}x" if factor else ""
