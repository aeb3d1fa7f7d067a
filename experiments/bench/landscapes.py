"""Synthetic landscapes whose optimum is known, far too large to be looked through.

A genome stands in a kernel's source. Its value for each timed workload is from 0 to 1; a kernel of value v
runs `2 ** (SCALE * v)` times as fast as one of value 0. One structure in ten is wrong, whatever its value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec
import numpy as np

from evo.candidate import Kernel
from evo.evaluation import Bound, Evaluation, Measurement, Resources, Source, Stage, Status
from evo.task import Role, Task, Workload
from experiments.bench.windows import Windows

SCALE = 4.0
WRONG = 10  # one genome in so many
DEVICE = "landscape"


class Use(msgspec.Struct, frozen=True):
    """What a genome that passes does: its value for each workload, and what it takes of the hardware."""

    values: tuple[float, ...]
    resources: Resources


Judge = Callable[[int], Use | Status]
"""What a landscape says of a genome."""


class Landscape:
    """One landscape: an evaluator, its task, and how near to the optimum a kernel is.

    Attributes:
        name: its kind.
        task: begins at a genome that passes.
        optimum: log2 speed-up over the seed kernel of the best genome that passes.
    """

    source = Source.MODELLED
    device = DEVICE

    def __init__(self, name: str, judge: Judge, seed: int, best: int) -> None:
        """Take what judges genomes, the genome to begin at and one that none is better than; both pass."""
        self.name = name
        self._judge = judge
        told = [judge(genome) for genome in (seed, best)]
        begun, ended = (np.mean(each.values) if isinstance(each, Use) else np.nan for each in told)
        self.optimum = SCALE * float(ended - begun)
        count = len(told[0].values) if isinstance(told[0], Use) else 0
        roles = [("check", Role.CHECK), *((f"time {place}", Role.TIME) for place in range(count))]
        workloads = tuple(
            Workload(name=each, role=role, dtype="float32", sizes={"n": 8}, bytes=64, flops=8)
            for each, role in roles
        )
        self.task = Task(
            name=name, instruction="", entry_point="bits", level=1, workloads=workloads, reference="",
            seed=kernel_of(seed),
        )  # fmt: skip

    async def evaluate(self, kernel: Kernel, task: Task) -> Evaluation:
        """Return the verdict that the landscape holds for the genome."""
        genome = genome_of(kernel)
        found = self._judge(genome)
        if isinstance(found, Status):
            checked = found is Status.WRONG
            return Evaluation(
                status=found, stage=Stage.CHECK if checked else Stage.COMPILE, source=self.source,
                device=DEVICE, checks_passed=genome % 4 if checked else 0, checks_total=4 if checked else 0,
            )  # fmt: skip
        latencies = [2.0 ** (-SCALE * value) for value in found.values]
        return Evaluation(
            status=Status.PASSED, stage=Stage.TIME, source=self.source, device=DEVICE,
            resources=(found.resources,),
            measurements=tuple(
                Measurement(
                    workload=workload.name, latency_ms=latency, low_ms=latency, high_ms=latency, samples=1,
                    source=self.source, device=DEVICE,
                )
                for workload, latency in zip(task.having(Role.TIME), latencies, strict=True)
            ),
        )  # fmt: skip


def kernel_of(genome: int) -> Kernel:
    """Return the kernel that a genome stands in."""
    return Kernel(f"genome = 0b{genome:032b}\n")


def genome_of(kernel: Kernel) -> int:
    """Return the genome that stands in a kernel."""
    return int(kernel.source.rpartition("0b")[2], 2)


def is_wrong(structure: int, best: int, salt: int) -> bool:
    """Return whether a structure gives wrong results: one in ten does, the best one never."""
    mixed = (structure ^ salt) * 0x9E3779B97F4A7C15 % 2**64
    return structure != best and (mixed >> 32) % WRONG == 0


BITS = 32


def rugged(rng: np.random.Generator) -> Windows:
    """Return an NK landscape (Kauffman): each bit's share depends on it and the five next; one workload."""
    return Windows(rng.random((1, BITS, 2**6)) / BITS)


def deceptive(rng: np.random.Generator) -> Windows:
    """Return eight traps of four bits: each is best all set, and every other step leads away; one workload.

    Which value of a bit counts as set is drawn, so that no genome is special.
    """
    tables = np.zeros((1, BITS, 2**4))
    for place in range(0, BITS, 4):
        flip = int(rng.integers(16))
        ones = np.array([(read ^ flip).bit_count() for read in range(16)])
        tables[0, place] = np.where(ones == 4, 4, 3 - ones) / BITS
    return Windows(tables)


def many_workloads(rng: np.random.Generator) -> Windows:
    """Return four workloads, each an NK landscape on half of the bits, which it shares with others."""
    tables = np.zeros((4, BITS, 2**4))
    for workload in range(4):
        places = (np.arange(BITS // 2) + workload * BITS // 4) % BITS
        tables[workload, places] = rng.random((BITS // 2, 2**4)) / (BITS // 2)
    return Windows(tables)


class Bits:
    """Judges genomes of bits that are all alike: what no setting stands apart in."""

    def __init__(self, windows: Windows, best: int, salt: int) -> None:
        """Take the values, the best genome, and what decides which others are wrong."""
        self._windows = windows
        self._best = best
        self._salt = salt

    def __call__(self, genome: int) -> Use | Status:
        """Return what becomes of a genome."""
        if is_wrong(genome, self._best, self._salt):
            return Status.WRONG
        return Use(tuple(self._windows.values(genome).tolist()), resources_of(genome))


def resources_of(genome: int) -> Resources:
    """Return what the kernel takes of the hardware: two bits each, far apart, of what cells are told by."""
    quarter, tile, bound = genome & 3, genome >> 13 & 3, genome >> 22 & 3
    return Resources(
        kernel="bits", registers=64, spills=0, shared_bytes=0, warps=4, occupancy=(quarter + 0.5) / 4,
        tile=256 * 4**tile, bound=(Bound.MEMORY, Bound.COMPUTE, Bound.LATENCY, Bound.MEMORY)[bound],
    )  # fmt: skip


def of_bits(name: str, seed: int) -> Landscape:
    """Return a landscape of bits drawn from a seed."""
    rng = np.random.default_rng([seed, *name.encode()])
    windows = KINDS[name](rng)
    best, salt = windows.best(), int(rng.integers(2**62))
    judge = Bits(windows, best, salt)
    ordinary = next(
        genome
        for genome in map(int, rng.integers(0, 2**windows.bits, 1_000))
        if isinstance(judge(genome), Use)
    )
    return Landscape(name, judge, ordinary, best)


KINDS: Mapping[str, Callable[[np.random.Generator], Windows]] = {
    "rugged": rugged,
    "deceptive": deceptive,
    "many workloads": many_workloads,
}
