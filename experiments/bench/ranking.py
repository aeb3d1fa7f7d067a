"""Whether the cost model ranks variants as an H200 does: `python -m experiments.bench.ranking [MEASURED]`.

For each kernel: Spearman's rank correlation of modelled with measured latency over its variants, and the
regret of the model's pick, its measured latency over that of the fastest variant. `--details KERNEL` shows
every variant of a kernel with what the model thinks of it.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from experiments.bench.measured import Measured, MeasuredVariant
from experiments.bench.results import RESULTS, write_results
from experiments.bench.variants import Family, Variant, family_names, load_family
from experiments.bench.works import Tracer, Works
from fitness.costmodel.roofline import Breakdown, Estimate, explain
from fitness.devices import Device, device_for
from fitness.rooms import open_rooms
from fitness.verdicts import Fault

MEASURED = RESULTS / "variants_h200.json"
TARGET = "sm_90"
WORKS = RESULTS / "works_sm_90.msgpack.gz"
"""What the model was told of each variant of each kernel, so that a changed model can be scored at once."""
WORKERS = 2
SPREAD = 1.5
"""Ranks count where the slowest variant takes this many times as long as the fastest."""
SMALL_REGRET = 1.05
WORST = 3


class Ranked(msgspec.Struct, frozen=True, kw_only=True):
    """A variant that was measured and modelled."""

    label: str
    measured_ms: float
    low_ms: float
    high_ms: float
    estimate: Estimate

    @property
    def modelled_ms(self) -> float:
        """The modelled latency."""
        return self.estimate.latency_ms


class Ranking(msgspec.Struct, frozen=True, kw_only=True):
    """The variants of one kernel, measured and modelled.

    Attributes:
        family: the kernel.
        ranked: at least two variants.
        unmodelled: labels of variants that the model has no latency for, and why.
    """

    family: str
    ranked: tuple[Ranked, ...]
    unmodelled: tuple[tuple[str, str], ...] = ()

    @property
    def spread(self) -> float:
        """Measured latency of the slowest variant over that of the fastest."""
        measured = [each.measured_ms for each in self.ranked]
        return max(measured) / min(measured)

    @property
    def spearman(self) -> float:
        """Rank correlation of modelled with measured latency, -1 to 1."""
        measured, modelled = self._columns()
        return spearman(measured, modelled)

    @property
    def pick(self) -> Ranked:
        """The variant that the model takes for the fastest; of equals, the one that is slowest in truth."""
        return min(self.ranked, key=lambda each: (each.modelled_ms, -each.measured_ms))

    @property
    def regret(self) -> float:
        """Measured latency of the model's pick over that of the fastest variant, at least 1."""
        return self.pick.measured_ms / min(each.measured_ms for each in self.ranked)

    @property
    def misplaced(self) -> list[tuple[Ranked, int, int]]:
        """The variants with their measured and modelled places, the furthest apart first."""
        places = zip(*(ranks(column).astype(int) for column in self._columns()), strict=True)
        rows = [(each, int(m) + 1, int(p) + 1) for each, (m, p) in zip(self.ranked, places, strict=True)]
        return sorted(rows, key=lambda row: -abs(row[1] - row[2]))

    def _columns(self) -> tuple[list[float], list[float]]:
        return [each.measured_ms for each in self.ranked], [each.modelled_ms for each in self.ranked]


def ranks(values: Sequence[float]) -> NDArray[np.float64]:
    """Return the rank of each value from 0; equal values share the mean of their ranks."""
    column = np.asarray(values, dtype=np.float64)
    below = (column[None, :] < column[:, None]).sum(axis=1)
    equal = (column[None, :] == column[:, None]).sum(axis=1)
    shared: NDArray[np.float64] = below + (equal - 1) / 2
    return shared


def spearman(one: Sequence[float], other: Sequence[float]) -> float:
    """Return the rank correlation of two columns; 0 if either is constant."""
    a, b = (ranks(each) - (len(each) - 1) / 2 for each in (one, other))
    norm = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum()) / norm if norm else 0.0


async def works_of(
    family: Family, measured: dict[str, MeasuredVariant], tracer: Tracer
) -> dict[str, Works | Fault]:
    """Trace the variants of a kernel that were measured as their sources now are; return it by label."""
    free = asyncio.Semaphore(WORKERS)

    async def traced(variant: Variant) -> Works | Fault:
        async with free:
            return await tracer.works_of(family, variant.kernel)

    wanted = [
        each for each in family.variants
        if each.label in measured
        and measured[each.label].passed
        and measured[each.label].digest == each.kernel.digest
    ]  # fmt: skip
    found = await asyncio.gather(*map(traced, wanted))
    return {variant.label: works for variant, works in zip(wanted, found, strict=True)}


def ranking_of(
    family: str, measured: dict[str, MeasuredVariant], works: dict[str, Works | Fault], device: Device
) -> Ranking:
    """Model what the variants of a kernel do, and set it beside what was measured of them."""
    ranked, unmodelled = [], []
    for label, known in works.items():
        if isinstance(known, Fault):
            unmodelled.append((label, known.feedback))
            continue
        row = measured[label]
        ranked.append(Ranked(
            label=label, measured_ms=row.median_ms, low_ms=row.low_ms, high_ms=row.high_ms,
            estimate=explain(known.works, device, known.fills),
        ))  # fmt: skip
    return Ranking(family=family, ranked=tuple(ranked), unmodelled=tuple(unmodelled))


def show(ranking: Ranking) -> None:
    """Print one line a kernel, then what stands furthest from its place."""
    print(
        f"{ranking.family:18}{len(ranking.ranked):4}{ranking.spread:9.2f}{ranking.spearman:9.3f}"
        f"{ranking.regret:9.3f}  {ranking.pick.label}",
        flush=True,
    )
    for each, measured, modelled in ranking.misplaced[:WORST]:
        print(f"{'':22}measured {measured:2}, modelled {modelled:2}: {each.label}")
    for label, why in ranking.unmodelled:
        print(f"{'':22}not modelled: {label}: {why[:150]}")


def detail(ranking: Ranking) -> None:
    """Print every variant, fastest first, with the parts of its modelled latency."""
    for each in sorted(ranking.ranked, key=lambda each: each.measured_ms):
        print(f"{each.measured_ms:9.4f}{each.modelled_ms:9.4f}  {each.label}")
        for launch in each.estimate.launches:
            print(f"{'':20}{_parts(launch)}")


def _parts(launch: Breakdown) -> str:
    return (
        f"{launch.kernel} {launch.total_ms:.4f} {launch.bound}: memory {launch.memory_ms:.4f}, "
        f"compute {launch.compute_ms:.4f} ({launch.pipe}), latency {launch.latency_ms:.4f}, "
        f"overhead {launch.overhead_ms:.4f}; {launch.resident} resident, {launch.waves:.2f} waves"
    )


def figures_of(rankings: Sequence[Ranking], measured: Measured) -> dict[str, Any]:
    """Return what the rankings come to, over all kernels and for each."""
    spread = [each for each in rankings if each.spread > SPREAD]
    return {
        "target": TARGET,
        "measured_on": {name: getattr(measured, name) for name in ("device", "driver", "triton", "date")},
        "kernels": len(rankings),
        "variants": sum(len(each.ranked) for each in rankings),
        "kernels_with_spread": len(spread),
        "spearman_mean": round(statistics.mean(each.spearman for each in spread), 3),
        "spearman_median": round(statistics.median(each.spearman for each in spread), 3),
        "spearman_least": round(min(each.spearman for each in spread), 3),
        "share_of_small_regret": round(statistics.mean(each.regret <= SMALL_REGRET for each in rankings), 3),
        "regret_largest": round(max(each.regret for each in rankings), 3),
        "each": {
            each.family: {
                "variants": len(each.ranked),
                "unmodelled": len(each.unmodelled),
                "spread": round(each.spread, 2),
                "spearman": round(each.spearman, 3),
                "regret": round(each.regret, 3),
                "pick": each.pick.label,
            }
            for each in rankings
        },
    }


async def main(path: Path, details: str | None) -> None:
    """Rank, print, and write the result; with a kernel to detail, show that one alone."""
    measured = msgspec.json.decode(path.read_bytes(), type=Measured)
    device = device_for(TARGET)
    rankings, told = [], {}
    print(f"{'kernel':18}{'n':>4}{'spread':>9}{'spearman':>9}{'regret':>9}  pick")
    async with open_rooms() as rooms:
        tracer = Tracer(rooms, device)
        for name in [details] if details else family_names():
            rows = measured.of(name)
            works = await works_of(load_family(name), rows, tracer)
            ranking = ranking_of(name, rows, works, device)
            if len(ranking.ranked) < 2:
                print(f"{name:18}{len(ranking.ranked):4} measured as it now is: nothing to rank")
                continue
            rankings.append(ranking)
            told[name] = {label: each for label, each in works.items() if isinstance(each, Works)}
            show(ranking)
            if details:
                detail(ranking)
    if details is None and any(each.spread > SPREAD for each in rankings):
        figures = figures_of(rankings, measured)
        for name, value in figures.items():
            if name != "each":
                print(f"{name:30} {value}")
        print(write_results("ranking", figures))
        WORKS.write_bytes(gzip.compress(msgspec.msgpack.encode(told), mtime=0))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "measured", type=Path, nargs="?", default=MEASURED, help="what measure_variants wrote"
    )
    parser.add_argument("--details", metavar="KERNEL", help="show every variant of this kernel alone")
    given = parser.parse_args()
    asyncio.run(main(given.measured, given.details))
