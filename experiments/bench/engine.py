"""What the search itself costs a candidate: asks, tells, selection and journal, with nothing to evaluate.

And what it costs to read a run: to resume it, to ask for operators' credit and for a candidate's lineage.

`python -m experiments.bench.engine [CANDIDATES...]`. The operator answers at once with a new kernel, the
evaluator with a verdict drawn from its source; all else is a run as ever: loop, engine, SQLite file on disk.
Each run and each resume has a process of its own, so that peaks of memory are its own too.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from evo.budget import Budget
from evo.candidate import Kernel, Proposal
from evo.credit import credits_of
from evo.engine import Engine
from evo.evaluation import Evaluation, Measurement, Resources, Source, Stage, Status
from evo.events import Event, GenerationEnded
from evo.fold import fold
from evo.journal import Journal, JournalReader
from evo.lineage import Lineage
from evo.loop import Search
from evo.objective import Individual
from evo.past import RecordedIndividuals, RecordedProposals
from evo.protocols import Draft, Malformed, Operator
from evo.settings import Mode, SearchSettings
from evo.task import Role, Task, Workload
from experiments.bench.results import write_results

SIZES = (1_000, 10_000, 100_000)
TENTHS = 10
"""Parts of a run whose medians growth is read off."""

ASKED = 200
"""Candidates whose lineage is asked for, spread over the run."""

BODY = "".join(
    f"# line {line} of a kernel of usual length, which is about three thousand characters\n"
    for line in range(38)
)
DEVICE = "null"


class NullOperator:
    """Makes a new kernel of every proposal, at once."""

    name = "null"
    arity = 1

    def applies(self, parents: Sequence[Individual], task: Task) -> bool:  # noqa: ARG002
        """Return True."""
        return True

    async def propose(
        self,
        proposal: Proposal,
        parents: Sequence[Individual],  # noqa: ARG002
        task: Task,  # noqa: ARG002
    ) -> Draft | Malformed:
        """Return a kernel that no other proposal has."""
        return Draft(Kernel(f"{BODY}# {proposal.key}\n"), "nothing was done")


class NullEvaluator:
    """Says at once that a kernel passed, with latencies and resources drawn from its source."""

    source = Source.MODELLED
    device = DEVICE

    async def evaluate(self, kernel: Kernel, task: Task) -> Evaluation:
        """Return the verdict."""
        rng = random.Random(kernel.digest)
        latencies = {each.name: 1 + rng.random() for each in task.having(Role.TIME)}
        used = Resources(
            kernel="null", registers=64, spills=0, shared_bytes=rng.choice((0, 4096, 32768)),
            warps=rng.choice((1, 2, 4, 8)), occupancy=rng.random(),
        )  # fmt: skip
        return Evaluation(
            status=Status.PASSED, stage=Stage.TIME, source=self.source, device=DEVICE, checks_passed=4,
            checks_total=4, resources=(used,), plan_digest=kernel.digest,
            measurements=tuple(
                Measurement(
                    workload=name, latency_ms=latency, low_ms=latency, high_ms=latency, samples=4,
                    source=self.source, device=DEVICE,
                )
                for name, latency in latencies.items()
            ),
        )  # fmt: skip


class NullPortfolio:
    """Chooses evenly and learns nothing."""

    def choose(self, rng: random.Random, names: Sequence[str]) -> str:
        """Return any of the names."""
        return rng.choice(names)

    def credit(self, individual: Individual, parents: Sequence[Individual]) -> None:
        """Do nothing."""


class Stopwatch:
    """A tracker that notes when generations ended: the time, and the CPU time of this process.

    Attributes:
        wall, cpu: seconds at the end of each whole generation.
    """

    def __init__(self) -> None:
        self.wall: list[float] = []
        self.cpu: list[float] = []

    def record(self, event: Event) -> None:
        """Note the end of a generation."""
        if isinstance(event, GenerationEnded):
            self.wall.append(time.perf_counter())
            self.cpu.append(time.process_time())

    def close(self) -> None:
        """Do nothing."""


def milliseconds(marks: Sequence[float], offspring: int) -> list[float]:
    """Return the milliseconds a candidate of each generation but the last, which may be cut short."""
    return [1e3 * (after - before) / offspring for before, after in itertools.pairwise(marks[:-1])]


def null_engine(mode: Mode, candidates: int, operator: Operator | None = None) -> Engine:
    """Return an engine that searches for nothing, with the null operator or another of its name."""
    sizes = {"n": 8}
    workloads = [
        Workload(name=name, role=role, dtype="float32", sizes=sizes, bytes=64, flops=8)
        for name, role in (("check", Role.CHECK), ("wide", Role.TIME), ("tall", Role.TIME))
    ]
    task = Task(
        name="null", instruction="nothing", entry_point="null", level=1, workloads=tuple(workloads),
        reference="", seed=Kernel("# seed\n"),
    )  # fmt: skip
    settings = SearchSettings(mode=mode, seed=1, budget=Budget(evaluations=candidates))
    return Engine(
        task, settings, {"null": operator or NullOperator()}, NullPortfolio(), Source.MODELLED, DEVICE
    )


def searched(mode: Mode, candidates: int, path: Path) -> dict[str, float]:
    """Search, and return milliseconds a candidate, their growth over the run, the memory and the file's size.

    The median is over generations, each with its asks, tells and end, per candidate. Growth is of CPU time,
    which other work on the machine stretches less than the clock's.
    """
    engine, watch = null_engine(mode, candidates), Stopwatch()
    with Journal.create(path) as journal:
        asyncio.run(Search(engine, NullEvaluator(), journal, [watch]).run("null"))
    offspring = engine.settings.offspring
    wall, cpu = milliseconds(watch.wall, offspring), milliseconds(watch.cpu, offspring)
    return {
        "median_ms": statistics.median(wall),
        "mean_ms": statistics.mean(wall),
        "median_cpu_ms": statistics.median(cpu),
        "growth": growth(cpu),
        "memory_mib": _memory_mib(),
        "journal_bytes_a_candidate": path.stat().st_size / candidates,
    }


def growth(values: Sequence[float]) -> float:
    """Return how the values end over how they begin: both ends of a line through the medians of the tenths.

    The line is Theil and Sen's (the median of the slopes between all pairs, through the medians), so that a
    tenth or two under which the machine had other work do not count.
    """
    size = max(len(values) // TENTHS, 1)
    medians = [
        statistics.median(values[at : at + size]) for at in range(0, size * TENTHS, size) if values[at:]
    ]
    pairs = itertools.combinations(enumerate(medians), 2)
    slope = statistics.median([(after - before) / (j - i) for (i, before), (j, after) in pairs] or [0.0])
    middle, centre = statistics.median(medians), (len(medians) - 1) / 2
    return (middle + slope * centre) / (middle - slope * centre)


def resumed(mode: Mode, candidates: int, path: Path) -> dict[str, float]:
    """Fold the journal into a fresh engine, and return the seconds and the memory that it took."""
    start = time.perf_counter()
    engine = null_engine(mode, candidates)
    with Journal(path) as journal:
        for _ in fold(journal, engine):
            pass
        Search(engine, NullEvaluator(), journal)
    assert engine.told == candidates, engine.told
    return {"resume_seconds": time.perf_counter() - start, "resume_memory_mib": _memory_mib()}


def queried(mode: Mode, candidates: int, path: Path) -> dict[str, float]:  # noqa: ARG001
    """Ask the journal for credit and lineages, and return the CPU time that each took; nothing is folded."""
    with JournalReader(path) as journal:
        start = time.process_time()
        credits = credits_of(journal)
        credit_seconds = time.process_time() - start
        assert sum(credits.statuses.values()) == candidates, credits.statuses
        spans = []
        for number in range(0, candidates, max(candidates // ASKED, 1)):
            start = time.process_time()
            individuals = RecordedIndividuals(journal)
            assert [individuals[each] for each in Lineage(RecordedProposals(journal)).line(number)]
            spans.append(1e3 * (time.process_time() - start))
        start = time.process_time()
        assert len(Lineage(RecordedProposals(journal)).descendants(0)) == candidates - 1
    return {
        "credit_seconds": credit_seconds,
        "lineage_median_ms": statistics.median(spans),
        "lineage_worst_ms": max(spans),
        "descendants_seconds": time.process_time() - start,
    }


STEPS = {"searched": searched, "resumed": resumed, "queried": queried}


def main(sizes: Sequence[int]) -> None:
    """Measure and write the result."""
    figures: dict[str, Any] = {"fsync_ms": _fsync_ms()}
    print(f"{'fsync of this disk':52} {figures['fsync_ms']:10.3f} ms")
    for mode, candidates in ((mode, size) for size in sizes for mode in Mode):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "run.sqlite"
            seen: dict[str, float] = {}
            for step in STEPS:
                seen |= _in_child(step, mode, candidates, path)
        figures[f"{mode} {candidates}"] = seen
        for name, value in seen.items():
            print(f"{mode:14}{candidates:10,} {name:27} {value:10.3f}", flush=True)
    print(write_results("engine", figures))


def _in_child(step: str, mode: Mode, candidates: int, path: Path) -> dict[str, float]:
    command = (sys.executable, "-m", "experiments.bench.engine", step, mode, str(candidates), str(path))
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    told: dict[str, float] = json.loads(done.stdout)
    return {name: round(value, 3) for name, value in told.items()}


def _memory_mib() -> float:
    """Return the most memory that this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _fsync_ms() -> float:
    """Return the median time that one small write takes to reach this disk."""
    with tempfile.TemporaryFile() as file:
        return round(statistics.median(_synced(file.fileno())), 3)


def _synced(descriptor: int) -> Iterator[float]:
    for _ in range(50):
        start = time.perf_counter()
        os.write(descriptor, bytes(4096))
        os.fsync(descriptor)
        yield 1e3 * (time.perf_counter() - start)


if __name__ == "__main__":
    if sys.argv[1:2] and sys.argv[1] in STEPS:
        print(json.dumps(STEPS[sys.argv[1]](Mode(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))))
    else:
        main([int(size) for size in sys.argv[1:]] or SIZES)
