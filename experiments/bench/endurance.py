"""A long search squeezed: evaluator and operator fail in every way they may; what does the process hold?

`python -m experiments.bench.endurance [CANDIDATES]`. Evaluations take no time, so that as many are made in
minutes as a search makes in days. Open files, threads and child processes must not grow at all; memory may
grow by what tells repeats apart, which are told in bytes a candidate.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import statistics
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evo.candidate import Kernel, Proposal
from evo.evaluation import Evaluation, Stage, Status
from evo.events import Event, GenerationEnded
from evo.fold import fold
from evo.journal import Journal
from evo.loop import Search
from evo.objective import Individual
from evo.protocols import Draft, Malformed
from evo.settings import Mode
from evo.task import Task
from experiments.bench.engine import NullEvaluator, NullOperator, null_engine
from experiments.bench.results import write_results

CANDIDATES = 100_000
SAMPLES = 10
FAULTS = {
    Status.REJECTED: Stage.POLICY,
    Status.UNSUPPORTED: Stage.CAPTURE,
    Status.CRASHED: Stage.CAPTURE,
    Status.TIMEOUT: Stage.CAPTURE,
    Status.COMPILE_ERROR: Stage.COMPILE,
    Status.OUT_OF_RESOURCES: Stage.COMPILE,
    Status.WRONG: Stage.CHECK,
}


class FailingOperator(NullOperator):
    """Gives no kernel, one that is not text, or one made before, each in one of eight answers."""

    async def propose(
        self, proposal: Proposal, parents: Sequence[Individual], task: Task
    ) -> Draft | Malformed:
        """Return an answer, or what goes for one."""
        match random.Random(proposal.key).randrange(8):
            case 0:
                return Malformed("no answer")
            case 1:
                return Draft(Kernel("\ud800"), "not text")
            case 2:
                return Draft(parents[0].candidate.kernel or task.seed, "the parent again")
            case _:
                return await super().propose(proposal, parents, task)


class FailingEvaluator(NullEvaluator):
    """Ends half of the kernels other than the seed in each of the ways to fail."""

    async def evaluate(self, kernel: Kernel, task: Task) -> Evaluation:
        """Return a verdict, a pure function of the kernel."""
        rng = random.Random(kernel.digest)
        if kernel == task.seed or rng.random() < 0.5:
            return await super().evaluate(kernel, task)
        status, stage = rng.choice(list(FAULTS.items()))
        return Evaluation(
            status=status, stage=stage, source=self.source, device=self.device,
            feedback=f"ends as {status} " * 20, checks_total=4,
        )  # fmt: skip


class Gauge:
    """A tracker that notes what this process holds, a few times over the run."""

    def __init__(self, every: int) -> None:
        self.samples: list[dict[str, float]] = []
        self.statuses: Counter[Status] = Counter()
        self._every = every

    def record(self, event: Event) -> None:
        """Note what is held at the ends of some generations."""
        if isinstance(event, GenerationEnded):
            self.statuses.update(event.statuses)
            if event.told >= self._every * (len(self.samples) + 1):
                self.samples.append({"told": event.told, **held()})

    def close(self) -> None:
        """Do nothing."""


def held() -> dict[str, float]:
    """Return the memory in MiB, the open files, the threads and the children of this process."""
    status = Path("/proc/self/status").read_text()
    fields = dict(line.split(":", 1) for line in status.splitlines())
    children = [task / "children" for task in Path("/proc/self/task").iterdir()]
    return {
        "memory_mib": round(int(fields["VmRSS"].split()[0]) / 1024, 1),
        "files": sum(1 for _ in Path("/proc/self/fd").iterdir()),
        "threads": int(fields["Threads"]),
        "children": sum(len(each.read_text().split()) for each in children if each.exists()),
    }


def memory_growth(samples: Sequence[dict[str, float]]) -> float:
    """Return the bytes by which memory grew a candidate: the median of the slopes between all samples."""
    slopes = [
        (after["memory_mib"] - before["memory_mib"]) / (after["told"] - before["told"])
        for before, after in itertools.combinations(samples, 2)
    ]
    return 2**20 * statistics.median(slopes)


def main(candidates: int) -> None:
    """Search, and write what was held."""
    gauge = Gauge(candidates // SAMPLES)
    engine = null_engine(Mode.GENERATIONAL, candidates, FailingOperator())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.sqlite"
        with Journal.create(path) as journal:
            asyncio.run(Search(engine, FailingEvaluator(), journal, [gauge]).run("endurance"))
        size = path.stat().st_size / candidates
        again = null_engine(Mode.GENERATIONAL, candidates, FailingOperator())
        with Journal(path) as journal:
            folded = sum(1 for _ in fold(journal, again))
    assert again.told == engine.told == candidates, (again.told, engine.told, folded)
    figures: dict[str, Any] = {
        "candidates": candidates,
        "statuses": {str(status): count for status, count in sorted(gauge.statuses.items())},
        "samples": gauge.samples,
        "journal_bytes_a_candidate": round(size),
        "memory_bytes_a_candidate": round(memory_growth(gauge.samples)),
    }
    for sample in gauge.samples:
        print("  ".join(f"{name} {value:,}" for name, value in sample.items()))
    print(figures["statuses"])
    for what in ("journal", "memory"):
        print(f"{what} bytes a candidate {figures[f'{what}_bytes_a_candidate']:,}")
    print(write_results("endurance", figures))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else CANDIDATES)
