"""Comparing: every mix with the baseline, and the frontier of one budget."""

from __future__ import annotations

import msgspec
import numpy as np

from experiments.study.estimators.frontier import Frontier, frontier
from experiments.study.estimators.over_runs import Tasks
from experiments.study.estimators.paired import compared, holm
from experiments.study.gathered import Gathered, log2_best
from experiments.study.tables import Row, Table, as_speedup, bounded

LEVEL = 0.05
"""Chance that any difference is called one that is none."""


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """Which mix does best at the budget, and in words whether that can be told.

    Attributes:
        best: its name.
        sentence: what may be said.
        alike: mixes that it is not told from, itself first.
    """

    best: str
    sentence: str
    alike: tuple[str, ...]


def pair_table(study: Gathered, baseline: str) -> Table:
    """Return a row a mix: its speed-up over the baseline's on the same tasks and seeds.

    `p` is adjusted for as many comparisons as there are; `told_apart` whether it is below 5%.
    """
    own = study.array(baseline, log2_best())
    others = [mix for mix in study.mixes if mix != baseline]
    told = [compared(study.array(mix, log2_best()), own) for mix in others]
    adjusted = holm(np.array([each.p for each in told])) if told else np.array([])
    rows: list[Row] = []
    for mix, each, p in zip(others, told, adjusted, strict=True):
        differences = study.array(mix, log2_best()) - own
        rows.append({
            "mix": mix, "baseline": baseline, **bounded("ratio", as_speedup(each.difference)), "p": float(p),
            "told_apart": bool(p < LEVEL), "pairs": each.pairs, "better": int((differences > 0).sum()),
            "equal": int((differences == 0).sum()), "worse": int((differences < 0).sum()),
        })  # fmt: skip
    title = f"Best speed-up of each mix over that of {baseline!r}, on the same tasks and seeds."
    return Table(name="pairs", title=title, rows=tuple(rows))


def frontier_of(study: Gathered) -> Frontier | None:
    """Return the mixes as those of one budget, by the number of their runs; None if there is one only."""
    mixes = sorted(study.mixes, key=lambda mix: len(study.of(mix)[0].traces))
    if len(mixes) < 2:
        return None
    values = np.stack([study.array(mix, log2_best()) for mix in mixes])
    return frontier(mixes, values, Tasks.THESE)


def frontier_table(study: Gathered, found: Frontier | None) -> Table:
    """Return a row a mix, in order of width: its speed-up and whether the best mix is told from it."""
    rows: list[Row] = []
    against = {each.mix: each for each in found.against} if found else {}
    for mix, mean in (found.means if found else {}).items():
        cells, other = study.of(mix), against.get(mix)
        rows.append({
            "mix": mix, "width": len(cells[0].traces), "depth": max(cell.depth for cell in cells),
            **bounded("best_speedup", as_speedup(mean)), "best": other is None,
            "p_against_best": None if other is None else other.p,
            "told_from_best": False if other is None else other.told_apart,
        })  # fmt: skip
    title = "The frontier of one budget; p-values are adjusted for all pairs of mixes."
    return Table(name="frontier", title=title, rows=tuple(rows))


def verdict_of(found: Frontier | None, seeds: int) -> Verdict | None:
    """Return what may be said of the best mix; None where there is nothing to compare."""
    if found is None:
        return None
    ahead = f"{found.best} comes out best ({2 ** found.means[found.best].value:.2f}×)"
    apart = [each.mix for each in found.against if each.told_apart]
    rest = [mix for mix in found.alike if mix != found.best]
    if not apart:
        said = f"{ahead}, but {_seeds(seeds)} not tell it from any other mix"
    elif not rest:
        said = f"{ahead}, told from every other mix"
    elif found.told_from_neighbours:
        said = f"{ahead}, told from its neighbours, though not from {_listed(rest)}"
    else:
        said = f"{ahead}, told from {_listed(apart)}, not from {_listed(rest)}"
    return Verdict(best=found.best, sentence=f"{said}.", alike=found.alike)


def _seeds(count: int) -> str:
    return "one seed does" if count == 1 else f"{count} seeds do"


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
