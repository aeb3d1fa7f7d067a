"""What a report costs: to write it, to mail it, and until a browser answers to keys and clicks.

`python -m experiments.bench.report [CANDIDATES...]`. The runs are searched from a core task's seed with
edits of its text, judged by the text; engine and journal are real. Their reports are opened from the disk by
a headless Chromium with nothing cached.
"""

from __future__ import annotations

import hashlib
import math
import random
import re
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evo.budget import Budget
from evo.candidate import Candidate, Kernel, Proposal
from evo.engine import Engine
from evo.evaluation import Bound, Cost, Evaluation, Measurement, Resources, Source, Stage, Status
from evo.fold import TASK
from evo.identity import IDENTITY, RunIdentity
from evo.journal import Journal
from evo.protocols import Operator
from evo.records import Asked, Ended, Evaluated
from evo.settings import SearchSettings
from evo.task import Role, Task
from experiments.bench.engine import NullOperator, NullPortfolio
from experiments.bench.results import write_results
from experiments.report.writing import write_report
from experiments.run_folder import JOURNAL
from experiments.suites.loader import load_task

SIZES = (500, 5_000, 20_000)
OPENINGS = 5
CHROMIUM = "chromium"
OPERATORS = ("tiles", "launch_options", "one_pass", "loop_options", "cache_hints", "several_rows", "exp2",
             "crossover")  # fmt: skip
DEVICE = "model:gfx942"
FAULTS = (
    (Status.COMPILE_ERROR, Stage.COMPILE, "error: invalid element type in operand 0\n  at line 12"),
    (Status.WRONG, Stage.CHECK, "workload ragged: element 17 of 5000 is 0.25, expected 0.125"),
    (Status.CRASHED, Stage.CAPTURE, "RuntimeError: a launch needs a grid of at least one program"),
    (Status.OUT_OF_RESOURCES, Stage.COMPILE, "shared memory: 81920 bytes are needed, 65536 are there"),
)


def verdict(kernel: Kernel, task: Task) -> Evaluation:
    """Return what is said of a kernel, by its digest: some fail, the others have a latency each."""
    rng = random.Random(kernel.digest)
    cost = Cost(cpu_seconds=rng.uniform(0.5, 2.0), wall_seconds=2.0)
    if kernel != task.seed and rng.random() < 0.2:
        status, stage, feedback = rng.choice(FAULTS)
        return Evaluation(
            status=status, stage=stage, source=Source.MODELLED, device=DEVICE, feedback=feedback, cost=cost,
            checks_passed=int(stage is Stage.CHECK), checks_total=2 * int(stage is Stage.CHECK),
        )  # fmt: skip
    used = Resources(
        kernel=f"{task.name}_kernel", registers=rng.randrange(16, 256, 8), spills=0, warps=4,
        shared_bytes=rng.choice((0, 4096)), occupancy=rng.random(), bound=rng.choice(list(Bound)),
    )  # fmt: skip
    return Evaluation(
        status=Status.PASSED, stage=Stage.TIME, source=Source.MODELLED, device=DEVICE, checks_passed=2,
        checks_total=2, resources=(used,), cost=cost, plan_digest=kernel.digest,
        measurements=tuple(_modelled(each.name, kernel, task) for each in task.having(Role.TIME)),
    )  # fmt: skip


def _modelled(workload: str, kernel: Kernel, task: Task) -> Measurement:
    """Return a latency that falls, on the whole, with what was changed since the seed."""
    lines = set(task.seed.source.splitlines())
    changed = sum(line not in lines for line in kernel.source.splitlines())
    drawn = hashlib.sha256(f"{workload} {kernel.digest}".encode()).digest()[0] / 256
    latency = 0.2 / (1 + math.log1p(changed) / 3) * (0.9 + 0.3 * drawn)
    return Measurement(
        workload=workload, latency_ms=latency, low_ms=latency, high_ms=latency, samples=4,
        source=Source.MODELLED, device=DEVICE,
    )  # fmt: skip


class NamedOperator(NullOperator):
    """An operator that goes by a name and takes so many parents."""

    def __init__(self, name: str, arity: int = 1) -> None:
        self.name = name
        self.arity = arity


class UnsyncedJournal(Journal):
    """A journal that leaves it to the system when to write, but for beginning and end."""

    unsynced_seconds = math.inf


def searched(folder: Path, candidates: int, task: str = "softmax", seed: int = 1) -> Path:
    """Search with no rooms, and return the run folder, in which a journal is."""
    rules = SearchSettings(
        population=12, offspring=12, islands=3, seed=seed, budget=Budget(evaluations=candidates)
    )
    operators: dict[str, Operator] = {
        name: NamedOperator(name, 2 if name == "crossover" else 1) for name in OPERATORS
    }
    engine = Engine(load_task(task), rules, operators, NullPortfolio(), Source.MODELLED, DEVICE)
    folder.mkdir(parents=True)
    with UnsyncedJournal.create(folder / JOURNAL) as journal:
        journal.set_meta(TASK, engine.task)
        journal.set_meta(IDENTITY, RunIdentity.of(engine))
        journal.open_session(f"task = {task!r}\n")
        while proposals := list(iter(engine.ask, None)):
            for proposal in proposals:
                journal.append(Asked(proposal=proposal))
            for proposal in proposals:
                _tell(engine, journal, edited(engine, proposal))
        journal.append(Ended(reason=f"{candidates} evaluations made"))
    return folder


def edited(engine: Engine, proposal: Proposal) -> Candidate:
    """Return a candidate whose text is its parent's, two lines edited; the seed kernel for the first."""
    rng, parents = random.Random(proposal.key), [engine.individuals[each] for each in proposal.parents]
    texts = [each.candidate.kernel.source for each in parents if each.candidate.kernel]
    if not texts:
        return Candidate(proposal=proposal, kernel=engine.task.seed, summary="the task's seed kernel")
    lines = texts[0].splitlines()
    for at in rng.sample(range(len(lines)), 2):
        indent = " " * (len(lines[at]) - len(lines[at].lstrip()))
        numbered = re.sub(r"\b\d+\b", lambda _: str(2 ** rng.randrange(12)), lines[at])
        line = rng.choice(texts[0].splitlines()).strip()
        lines[at] = numbered if numbered != lines[at] else f"{lines[at]}\n{indent}# {line[:60]}"
    if len(lines) > 120:
        del lines[rng.randrange(len(lines))]
    summary = f"{proposal.operator}: two lines edited, key {proposal.key:x}"
    return Candidate(proposal=proposal, kernel=Kernel("\n".join(lines) + "\n"), summary=summary)


def _tell(engine: Engine, journal: Journal, candidate: Candidate) -> None:
    """Journal what becomes of a candidate, and tell the engine."""
    assert candidate.kernel is not None
    evaluation = verdict(candidate.kernel, engine.task)
    record = Evaluated(
        number=candidate.number, attempt=1, summary=candidate.summary, kernel=candidate.kernel.digest,
        evaluation=evaluation,
    )  # fmt: skip
    journal.append(record, candidate.kernel.source.encode())
    engine.tell(candidate, evaluation)


def opened(page: Path, openings: int = OPENINGS) -> list[float]:
    """Return the seconds from a browser's navigation to the page until it answered to a key, each time."""
    from playwright.sync_api import sync_playwright

    seconds = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which(CHROMIUM), args=["--no-sandbox", "--disable-gpu"]
        )
        for _ in range(openings):
            tab = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
            start = time.perf_counter()
            tab.goto(page.as_uri())
            tab.wait_for_selector("html[data-ready]")
            tab.focus("#graph")
            tab.keyboard.press("Home")
            tab.wait_for_function("document.getElementById('said').textContent.startsWith('0 ')")
            seconds.append(time.perf_counter() - start)
            tab.context.close()
        browser.close()
    return seconds


def measured(candidates: int) -> dict[str, float]:
    """Return what the report of a run of so many candidates costs."""
    with tempfile.TemporaryDirectory() as root:
        folder = searched(Path(root) / "run", candidates)
        start = time.perf_counter()
        page = write_report(folder)
        written = time.perf_counter() - start
        seconds = opened(page)
        return {
            "write_seconds": written,
            "bytes": page.stat().st_size,
            "interactive_median_seconds": statistics.median(seconds),
            "interactive_worst_seconds": max(seconds),
        }


def main(sizes: Sequence[int]) -> None:
    """Measure and write the result."""
    figures: dict[str, Any] = {}
    for candidates in sizes:
        seen = measured(candidates)
        figures[str(candidates)] = {name: round(value, 3) for name, value in seen.items()}
        for name, value in seen.items():
            print(f"{candidates:10,} {name:30} {value:14,.3f}", flush=True)
    print(write_results("report", figures))


if __name__ == "__main__":
    main([int(size) for size in sys.argv[1:]] or SIZES)
