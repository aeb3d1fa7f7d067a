"""The demo searches: what each operator that asks a model made of replies that were written in advance.

`python -m experiments.bench.demo [--device cuda:0] [--out DIR]`. Flip and softmax, each modelled for gfx942
and for sm_90, or measured on a GPU, as `experiments/configs/demo_*.toml` say; no rewrite takes part. Each
search is a run folder under DIR: one that was stopped goes on, one that has ended is only read. The table and
`experiments/results/demo.json` (`demo_measured.json`) are made from the journals alone. No model is asked:
the first line of a recording says who wrote its replies.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evo.credit import OperatorCredit, credits_of
from evo.engine import Engine
from evo.evaluation import Status
from evo.identity import lineage_digest
from evo.journal import JournalReader
from evo.records import Called
from evo.replay import recorded_engine, replay
from experiments.bench.results import write_results
from experiments.bench.suite import run_in
from experiments.run_folder import JOURNAL
from experiments.settings import RunSettings, read_settings
from experiments.shown import RECORDINGS
from fitness.judge.probe import probed
from operators.llm.recording import Recording

TASKS = ("flip", "softmax")
TARGETS = ("gfx942", "sm_90")
CONFIGS = Path(__file__).parent.parent / "configs"
OUT = Path("runs/demo")


def settings_of(task: str, target: str, device: str) -> RunSettings:
    """Return the settings of a demo on a target, modelled or measured on a GPU."""
    changes = (f"fitness.target={target}", f"fitness.device={device}", "tracking.enabled=false")
    return read_settings(CONFIGS / f"demo_{task}.toml", changes)


def figures_of(folder: Path) -> dict[str, Any]:
    """Return what a demo's journal says of it; its source says whether latencies were measured."""
    with JournalReader(folder / JOURNAL) as journal:
        engine = recorded_engine(journal)
        for _ in replay(journal, engine):
            pass
        credits = credits_of(journal)
        calls = sum(isinstance(entry.record, Called) for entry in journal.entries())
    assert engine.elite is not None
    return {
        "source": str(engine.elite.evaluation.source),
        "device": engine.elite.evaluation.device,
        "candidates": engine.told - 1,
        "replies": calls,
        "passed": credits.statuses.get(Status.PASSED, 0) - 1,
        "speedup": round(engine.elite.speedup or 1.0, 3),
        "line_of_winner": _line(engine),
        "lineage": lineage_digest(engine.individuals.values()),
        "operators": {each.operator: _made_by(each) for each in credits.operators},
    }


def _made_by(credit: OperatorCredit) -> dict[str, Any]:
    return {
        "asked": credit.asked,
        "statuses": {str(status): count for status, count in sorted(credit.statuses.items())},
        "improved": credit.improved,
        "gain_log2": round(credit.gain, 3),
        "best_speedup": None if credit.best_speedup is None else round(credit.best_speedup, 3),
    }


def _line(engine: Engine) -> list[str]:
    """Return how the fastest kernel came from the seed, along first parents."""
    line: list[str] = []
    number = engine.elite.number if engine.elite else 0
    while number:
        candidate = engine.individuals[number].candidate
        line.append(candidate.summary)
        number = candidate.proposal.parents[0] if candidate.proposal.parents else 0
    return line[::-1]


def show(figures: dict[str, Any]) -> None:
    """Print the tables."""
    for name, each in figures.items():
        print(
            f"{name}: {each['speedup']:.3f}x {each['source']} for {each['device']}, {each['passed']} of "
            f"{each['candidates']} passed, {each['replies']} replies"
        )
        heads = f"{'asked':>6}{'passed':>7}{'improved':>9}{'gain':>7}{'best':>7}"
        print(f"  {'operator':10}{heads}  ended otherwise")
        for operator, made in each["operators"].items():
            others = {status: n for status, n in made["statuses"].items() if status != "PASSED"}
            print(
                f"  {operator:10}{made['asked']:6}{made['statuses'].get('PASSED', 0):7}{made['improved']:9}"
                f"{made['gain_log2']:7.2f}{made['best_speedup'] or 0:7.2f}  "
                + ", ".join(f"{n} {status}" for status, n in others.items())
            )


def main(arguments: Sequence[str]) -> None:
    """Search what is not searched yet, print the tables and write the result."""
    parser = argparse.ArgumentParser(prog="python -m experiments.bench.demo")
    parser.add_argument("--device", default="model")
    parser.add_argument("--out", type=Path, default=OUT)
    given = parser.parse_args(arguments)
    modelled = given.device == "model"
    figures: dict[str, Any] = {}
    for task in TASKS:
        for target in TARGETS if modelled else (probed(given.device).arch,):
            folder = given.out / f"{task}-{target}-{given.device.replace(':', '')}"
            asyncio.run(run_in(folder, settings_of(task, target, given.device)))
            figures[f"{task} {target}"] = figures_of(folder)
            print(f"{task} for {target} searched", file=sys.stderr, flush=True)
    show(figures)
    authors = {task: Recording(RECORDINGS / f"{task}.jsonl").heading for task in TASKS}
    replies = {task: f"{each.author}, {each.written}" for task, each in authors.items()}
    told = {"replies_written_by": replies, "latencies": "modelled" if modelled else "measured"}
    print(write_results("demo" if modelled else "demo_measured", {**told, "searches": figures}))


if __name__ == "__main__":
    main(sys.argv[1:])
