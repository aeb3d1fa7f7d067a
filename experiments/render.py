"""What the terminal shows of a run: tables for people, and the same as plain data for `--json`."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.syntax import Syntax
from rich.table import Table

from evo.engine import Engine
from evo.evaluation import Evaluation
from evo.identity import lineage_digest
from evo.lineage import Lineage
from evo.objective import Individual, geometric_speedup, speedups
from experiments.run_folder import BEST


def show_outcome(console: Console, folder: Path, engine: Engine, reason: str | None) -> None:
    """Print how a session ended: the table, the winner's source and its line of descent."""
    console.print()
    show_table(console, engine)
    elite = engine.elite
    if elite is not None and elite.candidate.kernel is not None:
        console.print(f"\nThe winner, candidate {elite.number}, is {folder / BEST}:\n")
        source = elite.candidate.kernel.source.rstrip()
        shown = Syntax(source, "python", background_color="default").highlight(source)
        shown.rstrip()
        console.print(shown)
        console.print("\nIts line of descent:\n")
        line = Lineage(engine.individuals).line(elite.number)
        show_candidates(console, engine, line, steps=True)
    console.print(
        f"\nstopped: {reason}"
        if reason
        else f"\ninterrupted; go on with: kernevo resume {shlex.quote(str(folder))}"
    )


def show_table(console: Console, engine: Engine) -> None:
    """Print each timed workload's latency before and after, and what became of all candidates."""
    elite, baseline = engine.elite, engine.baseline
    if elite is None or baseline is None:
        console.print("nothing evaluated yet")
        return
    table = Table(title=f"{engine.task.name} on {engine.device} ({engine.source})", title_justify="left")
    table.add_column("workload")
    for heading in ("seed ms", "best ms", "speed-up"):
        table.add_column(heading, justify="right")
    ratios = speedups(elite.evaluation, baseline)
    for before, after in zip(baseline.measurements, elite.evaluation.measurements, strict=True):
        table.add_row(
            before.workload, f"{before.latency_ms:.4f}", f"{after.latency_ms:.4f}",
            f"{ratios[before.workload]:.2f}x",
        )  # fmt: skip
    table.add_section()
    table.add_row("geometric mean", "", "", f"{elite.speedup:.2f}x")
    console.print(table)
    counts = ", ".join(f"{count} {status.lower()}" for status, count in status_counts(engine).items())
    console.print(f"{engine.told} candidates in {engine.generation} generations: {counts}")


def show_candidates(console: Console, engine: Engine, numbers: Sequence[int], *, steps: bool) -> None:
    """Print candidates, one a row; with `steps`, each is made from the one above and shows what it gained."""
    table = Table(title=f"{engine.task.name} on {engine.device} ({engine.source})", title_justify="left")
    for heading, justify in (("id", "right"), ("gen", "right"), ("status", "left"), ("speed-up", "right"),
                             ("step", "right"), ("operator", "left"), ("change", "left")):  # fmt: skip
        table.add_column(heading, justify=justify)  # type: ignore[arg-type]
    before: float | None = None
    for each in numbers:
        individual = engine.individuals[each]
        proposal, speedup = individual.candidate.proposal, individual.speedup
        table.add_row(
            str(each), str(proposal.generation), individual.evaluation.status,
            _times(speedup), _times(speedup / before if steps and speedup and before else None),
            proposal.operator, individual.candidate.summary,
        )  # fmt: skip
        before = speedup or before
    console.print(table)


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


def status_data(folder: Path, engine: Engine, reason: str | None) -> dict[str, Any]:
    """Return where a run stands."""
    elite = engine.elite
    return {
        "run": str(folder),
        "task": engine.task.name,
        "device": engine.device,
        "source": engine.source,
        "stopped": reason,
        "generation": engine.generation,
        "evaluations": engine.told,
        "statuses": {str(status): count for status, count in status_counts(engine).items()},
        "best": None if elite is None else individual_data(elite),
        "lineage_digest": lineage_digest(engine.individuals.values()),
    }


def individual_data(individual: Individual) -> dict[str, Any]:
    """Return an individual as data: candidate without its source, evaluation, speed-up."""
    candidate = individual.candidate
    return {
        "number": individual.number,
        "proposal": msgspec.to_builtins(candidate.proposal),
        "kernel": candidate.kernel.digest if candidate.kernel else None,
        "summary": candidate.summary,
        "evaluation": msgspec.to_builtins(individual.evaluation),
        "speedup": individual.speedup,
    }


def lineage_data(engine: Engine, numbers: Sequence[int]) -> dict[str, Any]:
    """Return some candidates, rejected ones included, as data."""
    return {"candidates": [individual_data(engine.individuals[number]) for number in numbers]}


def status_counts(engine: Engine) -> dict[str, int]:
    """Return how many candidates ended in each status, the most frequent first."""
    counts = Counter(str(each.evaluation.status) for each in engine.individuals.values())
    return dict(counts.most_common())


def _times(factor: float | None) -> str:
    return f"{factor:.2f}x" if factor else ""
