"""A study in MLflow: one parent run, with a nested run for each of its runs. Imports MLflow: import late.

A projection of what the study's folder holds, written again as often as one likes: runs are found by their
identity, and only what they lack is added. `kernevo sync RUN` shows one run with all that is in it.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from experiments.settings import flatten
from experiments.study.gathered import best_so_far, read_trace, searched
from experiments.study.grid import Cell, PlannedRun
from experiments.study.measuring import Measured
from experiments.study.trace import Trace
from experiments.tracking_points import Artifact, Point
from experiments.tracking_settings import IDENTITY, reaching
from experiments.tracking_store import PARENT, Store, StoredRun

TEXTS = (".csv", ".svg", ".html", ".json", ".toml", ".txt")
"""Files of the results that the parent run holds; what is no text stays in the folder."""


def show_study(uri: str, found: Measured, cells: Sequence[Cell], folder: Path, results: Path) -> str:
    """Show a study and its runs, and return the id of the parent run.

    Raises:
        TrackingFailure: the store does not answer.
        KernevoError: a journal cannot be read.
    """
    own = hashlib.sha256(f"{found.study.name} {folder.absolute()}".encode()).hexdigest()
    with reaching(uri):
        store = Store(uri)
        experiment = store.experiment(f"study {found.study.name} × {found.where.partition(' · ')[0]}")
        parent = _found_or_made(store, experiment, found.study.name, {IDENTITY: own, **_tags(found)})
        store.write(parent.id, list(_artifacts(results)))
        _log(store, parent, list(_points_of(found)))
    for cell in cells:
        for run in cell.runs:
            trace = read_trace(folder / run.path, cell.mix)
            with reaching(uri):
                _show_run(store, parent, run, trace, own)
    with reaching(uri):
        store.end(parent.id, "FINISHED")
    return parent.id


def _show_run(store: Store, parent: StoredRun, run: PlannedRun, trace: Trace, study: str) -> None:
    """Give one run of the study its nested run, or add what that lacks."""
    tags = {
        IDENTITY: f"{study} {run.path}", PARENT: parent.id, "mix": run.mix, "task": run.task,
        "seed": str(run.seed), "run": str(run.index), "source": str(trace.source), "device": trace.device,
    }  # fmt: skip
    name = f"{run.mix} · {run.task} · seed {run.seed} · run {run.index}"
    stored = _found_or_made(store, parent.experiment, name, tags)
    settings = flatten(run.settings)
    store.describe(stored.id, {key: value for key, value in settings.items() if key not in stored.params}, {})
    _log(store, stored, list(_curve(trace)))
    if stored.status != "FINISHED":
        store.end(stored.id, "FINISHED")


def _found_or_made(store: Store, experiment: str, name: str, tags: dict[str, str]) -> StoredRun:
    found = store.identical(experiment, tags[IDENTITY])
    return found[0] if found else store.create(experiment, name, tags)


def _log(store: Store, run: StoredRun, points: Sequence[Point]) -> None:
    """Write the points that a run does not have yet."""
    held = store.points(run, ("",)) if run.metrics else set()
    now = time.time()
    store.log(run.id, [(now, point) for point in points if point not in held])


def _curve(trace: Trace) -> Iterator[Point]:
    """Yield a run's best speed-up after each candidate, and what it came to."""
    yield from (
        Point("study/best_speedup", depth, best_so_far(trace, depth))
        for depth in range(len(searched(trace)) + 1)
    )


def _points_of(found: Measured) -> Iterator[Point]:
    """Yield what each mix came to, a step a mix, in the study's order."""
    for step, row in enumerate(found.rows("mixes")):
        for name in (
            "best_speedup",
            "best_speedup_low",
            "best_speedup_high",
            "call_accuracy",
            "execution_accuracy",
        ):
            if row[name] is not None:
                yield Point(f"mix/{name}", step, row[name])


def _tags(found: Measured) -> dict[str, str]:
    verdict = found.verdict
    return {
        "study": found.study.name, "source": str(found.source), "device": found.device,
        "budget": str(found.study.budget), "mixes": ", ".join(row["mix"] for row in found.rows("mixes")),
        "verdict": "" if verdict is None else verdict.sentence,
    }  # fmt: skip


def _artifacts(results: Path) -> Iterator[Artifact]:
    for path in sorted(results.rglob("*")):
        if path.suffix in TEXTS:
            yield Artifact(str(path.relative_to(results)), path.read_text(encoding="utf-8"))
