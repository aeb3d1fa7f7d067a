"""Synthetic landscapes whose optimum is known: 16 bits, so that all 65,536 genomes can be looked at.

A genome stands in a kernel's source. Its value for each timed workload is from 0 to 1; a kernel of value v
runs `2 ** (SCALE * v)` times as fast as one of value 0. One genome in ten is wrong, whatever its value.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from evo.candidate import Kernel
from evo.evaluation import Evaluation, Measurement, Resources, Source, Stage, Status
from evo.task import Role, Task, Workload

BITS = 16
SCALE = 4.0
WRONG_SHARE = 0.1
DEVICE = "landscape"

Values = NDArray[np.float64]

GENOMES = np.arange(2**BITS)
EACH_BIT = (GENOMES[:, None] >> np.arange(BITS)) & 1


def rugged(rng: np.random.Generator) -> Values:
    """Return an NK landscape (Kauffman): each bit's share depends on it and five others; one workload."""
    return _epistatic(rng, np.arange(BITS), neighbours=5)[:, None]


def deceptive(rng: np.random.Generator) -> Values:
    """Return four traps of four bits: each is best all set, and every other step leads away; one workload.

    Which value of a bit counts as set is drawn, so that no genome is special.
    """
    ones = (EACH_BIT ^ rng.integers(0, 2, BITS)).reshape(-1, 4, 4).sum(axis=2)
    return np.asarray(np.where(ones == 4, 4, 3 - ones).sum(axis=1) / BITS)[:, None]


def many_workloads(rng: np.random.Generator) -> Values:
    """Return four workloads, each an NK landscape on eight bits of its own choice."""
    return np.stack([_epistatic(rng, rng.permutation(BITS)[:8], neighbours=3) for _ in range(4)], axis=1)


def _epistatic(rng: np.random.Generator, places: NDArray[np.int64], neighbours: int) -> Values:
    total = np.zeros(len(GENOMES))
    for place in places:
        others = rng.permutation(places[places != place])[:neighbours]
        read = EACH_BIT[:, [place, *others]] @ (1 << np.arange(neighbours + 1))
        total += rng.random(2 ** (neighbours + 1))[read]
    return total / len(places)


LANDSCAPES: dict[str, Callable[[np.random.Generator], Values]] = {
    "rugged": rugged,
    "deceptive": deceptive,
    "many workloads": many_workloads,
}


class Landscape:
    """One landscape drawn from a seed: an evaluator, its task, and how near to the optimum a kernel is.

    Attributes:
        task: begins at a genome that passes.
        optimum: log2 speed-up over the seed kernel of the best genome that passes.
    """

    source = Source.MODELLED
    device = DEVICE

    def __init__(self, name: str, seed: int) -> None:
        rng = np.random.default_rng([seed, *name.encode()])
        self._values = LANDSCAPES[name](rng)
        self._wrong = rng.random(len(GENOMES)) < WRONG_SHARE
        means = np.where(self._wrong, -np.inf, self._values.mean(axis=1))
        ordinary = int(rng.choice(np.flatnonzero(means >= 0)))
        names = [f"time {place}" for place in range(self._values.shape[1])]
        roles = [("check", Role.CHECK), *((name, Role.TIME) for name in names)]
        workloads = tuple(
            Workload(name=each, role=role, dtype="float32", sizes={"n": 8}, bytes=64, flops=8)
            for each, role in roles
        )
        self.task = Task(
            name=name, instruction="", entry_point="bits", level=1, workloads=workloads, reference="",
            seed=kernel_of(ordinary),
        )  # fmt: skip
        self.optimum = SCALE * float(means.max() - means[ordinary])

    async def evaluate(self, kernel: Kernel, task: Task) -> Evaluation:
        """Return the verdict that the landscape holds for the genome."""
        genome = genome_of(kernel)
        if self._wrong[genome]:
            return Evaluation(
                status=Status.WRONG, stage=Stage.CHECK, source=self.source, device=DEVICE,
                checks_passed=genome % 4, checks_total=4,
            )  # fmt: skip
        latencies = [float(2.0 ** (-SCALE * value)) for value in self._values[genome]]
        times = zip(task.having(Role.TIME), latencies, strict=True)
        return Evaluation(
            status=Status.PASSED, stage=Stage.TIME, source=self.source, device=DEVICE,
            resources=(resources_of(genome),),
            measurements=tuple(
                Measurement(
                    workload=workload.name, latency_ms=latency, low_ms=latency, high_ms=latency, samples=1,
                    source=self.source, device=DEVICE,
                )
                for workload, latency in times
            ),
        )  # fmt: skip


def kernel_of(genome: int) -> Kernel:
    """Return the kernel that a genome stands in."""
    return Kernel(f"genome = 0b{genome:016b}\n")


def genome_of(kernel: Kernel) -> int:
    """Return the genome that stands in a kernel."""
    return int(kernel.source.rpartition("0b")[2], 2)


def resources_of(genome: int) -> Resources:
    """Return what the kernel takes of the hardware: two bits each of occupancy, shared memory and warps."""
    return Resources(
        kernel="bits", registers=64, spills=0, shared_bytes=1024 << (genome >> 2 & 3),
        warps=1 << (genome >> 4 & 3), occupancy=((genome & 3) + 0.5) / 4,
    )  # fmt: skip
