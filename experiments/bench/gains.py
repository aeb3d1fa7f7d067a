"""What the model promises of its best variants and what an H200 measured of them.

`python -m experiments.bench.gains`. For each kernel: the ten variants that the model takes for the fastest,
how much faster than the typical variant (the geometric mean of all) the model says they are, and how much
faster they were measured to be. Modelled from the works that the ranking stored, so it takes a second.
"""

from __future__ import annotations

import gzip
import math
import statistics
from collections.abc import Sequence
from typing import Any

import msgspec

from experiments.bench.measured import Measured
from experiments.bench.ranking import MEASURED, TARGET, WORKS, Ranked, Ranking, ranking_of, spearman
from experiments.bench.results import write_results
from experiments.bench.works import Works
from fitness.devices import device_for

TOP = 10


def geometric_mean(values: Sequence[float]) -> float:
    """Return the geometric mean of positive values."""
    return math.exp(statistics.fmean(map(math.log, values)))


def top(ranking: Ranking) -> list[Ranked]:
    """Return the variants that the model takes for the fastest, the fastest first."""
    return sorted(ranking.ranked, key=lambda each: (each.modelled_ms, -each.measured_ms))[:TOP]


def gains_of(ranking: Ranking) -> dict[str, Any]:
    """Return what the model's top variants gain over the typical one, modelled and measured."""
    best = top(ranking)
    modelled = geometric_mean([each.modelled_ms for each in ranking.ranked])
    measured = geometric_mean([each.measured_ms for each in ranking.ranked])
    fastest = sorted(ranking.ranked, key=lambda each: each.measured_ms)[:TOP]
    return {
        "variants": len(ranking.ranked),
        "modelled": round(modelled / geometric_mean([each.modelled_ms for each in best]), 3),
        "measured": round(measured / geometric_mean([each.measured_ms for each in best]), 3),
        "best_there_is": round(measured / geometric_mean([each.measured_ms for each in fastest]), 3),
        "truly_among_top": sum(each in fastest for each in best),
        "spearman_within": round(
            spearman([each.measured_ms for each in best], [each.modelled_ms for each in best]), 3
        ),
        "top": [
            {
                "variant": each.label,
                "modelled": round(modelled / each.modelled_ms, 3),
                "measured": round(measured / each.measured_ms, 3),
            }
            for each in best
        ],
    }


def figures_of(rankings: Sequence[Ranking]) -> dict[str, Any]:
    """Return what all kernels come to, and each."""
    each = {ranking.family: gains_of(ranking) for ranking in rankings}
    return {
        "kernels": len(each),
        "modelled": round(geometric_mean([gains["modelled"] for gains in each.values()]), 3),
        "measured": round(geometric_mean([gains["measured"] for gains in each.values()]), 3),
        "best_there_is": round(geometric_mean([gains["best_there_is"] for gains in each.values()]), 3),
        "truly_among_top": sum(gains["truly_among_top"] for gains in each.values()),
        "spearman_within_mean": round(statistics.fmean(g["spearman_within"] for g in each.values()), 3),
        "each": each,
    }


def main() -> None:
    """Print a line a kernel and write the result."""
    measured = msgspec.json.decode(MEASURED.read_bytes(), type=Measured)
    stored = msgspec.msgpack.decode(gzip.decompress(WORKS.read_bytes()), type=dict[str, dict[str, Works]])
    device = device_for(TARGET)
    rankings = [ranking_of(name, measured.of(name), {**works}, device) for name, works in stored.items()]
    figures = figures_of(rankings)
    print(f"{'kernel':18}{'n':>4}{'modelled':>10}{'measured':>10}{'best ten':>10}{'among them':>12}")
    for name, gains in figures["each"].items():
        print(
            f"{name:18}{gains['variants']:4}{gains['modelled']:9.2f}x{gains['measured']:9.2f}x"
            f"{gains['best_there_is']:9.2f}x{gains['truly_among_top']:9} / {TOP}"
        )
    told = {name: getattr(measured, name) for name in ("device", "driver", "triton", "date")}
    for name, value in figures.items():
        if name != "each":
            print(f"{name:22} {value}")
    print(write_results("gains", {"target": TARGET, "measured_on": told, "top": TOP, **figures}))


if __name__ == "__main__":
    main()
