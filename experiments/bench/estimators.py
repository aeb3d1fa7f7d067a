"""What studies say of runs, against truths that are known because they were planted.

`python -m experiments.bench.estimators`. Runs are drawn from distributions with known means, and every
estimator of `experiments.study.estimators` says many times over what it makes of them: how often intervals
cover, whether best-of-k is biased, how often a planted difference of 5% is found with as many seeds as the
power function asks for, and how often one is found that is not there. Three tasks and five seeds, as in a
small study, unless said otherwise.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from experiments.bench.results import write_results
from experiments.study.estimators.best_of import best_of_k, best_of_k_estimate, pseudo_values
from experiments.study.estimators.currency import gain_per_unit
from experiments.study.estimators.estimate import Array, Estimate
from experiments.study.estimators.frontier import frontier
from experiments.study.estimators.log_linear import log_linear
from experiments.study.estimators.over_runs import Tasks, mean_over_runs, percentile, welch
from experiments.study.estimators.paired import compared, holm
from experiments.study.estimators.power import FIVE_PERCENT, Spread, power_of, seeds_needed

REPETITIONS = 4_000
FEWER = 1_000
TASKS, SEEDS = 3, 5
BETWEEN = 0.4  # standard deviation of tasks' true means, doublings
PLANTED = {"quiet": 0.06, "usual": 0.1, "loud": 0.2}  # standard deviations between seeds, doublings
KS = (1, 2, 4, 8, 16, 32)

Draw = Callable[[np.random.Generator, tuple[int, ...]], Array]


class Shape(NamedTuple):
    """A distribution of runs: draws with mean 0, and what the best of k is on average, seen by many draws."""

    draw: Draw
    skew: str


SHAPES: Mapping[str, Shape] = {
    "normal": Shape(lambda rng, size: 0.3 * rng.standard_normal(size), "none"),
    "near a ceiling": Shape(lambda rng, size: 1.2 * (rng.beta(4, 2, size) - 2 / 3), "some runs stay behind"),
    "stuck or not": Shape(
        lambda rng, size: np.where(rng.random(size) < 0.3, -0.35, 0.15) + 0.05 * rng.standard_normal(size),
        "three runs in ten are stuck",
    ),
    "far behind": Shape(lambda rng, size: 0.3 * (1 - rng.exponential(size=size)), "a few stay far behind"),
    "lucky few": Shape(
        lambda rng, size: 0.25 * (rng.gumbel(size=size) - np.euler_gamma), "some runs go far ahead"
    ),
}


def share(told: Sequence[Estimate], truths: Sequence[float] | Array) -> float:
    """Return how often intervals cover their truths."""
    pairs = zip(told, truths, strict=True)
    return sum(not each.excludes(float(truth)) for each, truth in pairs) / len(told)


def intervals(rng: np.random.Generator) -> dict[str, Any]:
    """Return how often intervals of the mean cover: those in use, and those they were chosen over."""
    figures: dict[str, Any] = {}
    for name, shape in SHAPES.items():
        tasks = rng.normal(0, BETWEEN, (FEWER, TASKS, 1))
        values = tasks + shape.draw(rng, (FEWER, TASKS, SEEDS))
        these, such = tasks.mean(axis=(1, 2)), np.zeros(FEWER)
        figures[name] = {
            "runs": shape.skew,
            "these tasks": {
                "in use (bootstrap-t)": share([mean_over_runs(v, Tasks.THESE) for v in values], these),
                "Student": share([welch(v) for v in values], these),
                "percentiles": share([percentile(v, Tasks.THESE) for v in values], these),
            },
            "such tasks": {
                "in use (Student over tasks)": share([mean_over_runs(v, Tasks.SUCH) for v in values], such),
                "percentiles": share([percentile(v, Tasks.SUCH) for v in values], such),
            },
        }
    return figures


def best_of(rng: np.random.Generator) -> dict[str, Any]:
    """Return the bias of best-of-k, in standard errors of this simulation, and how often intervals cover."""
    figures: dict[str, Any] = {}
    for name, shape in SHAPES.items():
        for runs, k in ((8, 1), (8, 2), (8, 4), (16, 4), (16, 8), (32, 8), (32, 16)):
            drawn = shape.draw(rng, (200_000, k)).max(axis=1)
            values = shape.draw(rng, (REPETITIONS, TASKS, runs))
            told = best_of_k(values, k).mean(axis=1)
            naive = values[:, :, :k].max(axis=2).mean(axis=1)
            error = math.sqrt(told.var() / REPETITIONS + drawn.var() / len(drawn))
            estimates = [best_of_k_estimate(each, k) for each in values]
            figures[f"{name}, best of {k} of {runs}"] = {
                "bias": float(told.mean() - drawn.mean()),
                "bias_in_errors": float(told.mean() - drawn.mean()) / error,
                "covers": share(estimates, np.full(REPETITIONS, drawn.mean())),
                "variance_over_one_draws": float(told.var() / naive.var()),
            }
    errors = np.array([each["bias_in_errors"] for each in figures.values()])
    figures["all"] = {
        "within_two_errors": float(np.mean(np.abs(errors) <= 2)),
        "bias_of_all_in_errors": float(errors.sum() / math.sqrt(len(errors))),
    }
    return figures


def planted(rng: np.random.Generator) -> dict[str, Any]:
    """Return how often 5% are found with the seeds that it is said to take, and where there is none."""
    figures: dict[str, Any] = {}
    for name, spread in PLANTED.items():
        seeds = seeds_needed(TASKS, Spread(tasks=0.0, seeds=spread)) or 0
        noise = spread * rng.standard_normal((2, REPETITIONS, TASKS, seeds))
        level = rng.normal(0, BETWEEN, (REPETITIONS, TASKS, 1)) + np.zeros((TASKS, seeds))
        found = [compared(own + each + FIVE_PERCENT, own) for own, each in zip(level, noise[0], strict=True)]
        none = [compared(own + each, own) for own, each in zip(level, noise[1], strict=True)]
        figures[name] = {
            "spread_of_differences": spread,
            "seeds": seeds,
            "power_promised": power_of(seeds, TASKS, Spread(tasks=0.0, seeds=spread)),
            "found": sum(each.p < 0.05 for each in found) / REPETITIONS,
            "found_where_none_is": sum(each.p < 0.05 for each in none) / REPETITIONS,
            "covers": share([each.difference for each in found], np.full(REPETITIONS, FIVE_PERCENT)),
        }
    return figures


def many(rng: np.random.Generator) -> dict[str, Any]:
    """Return how often any of ten cells is told from the first, none of which differ, and frontiers' best."""
    runs = 0.1 * rng.standard_normal((FEWER, 11, TASKS, SEEDS))
    ps = [np.array([compared(each, cells[0]).p for each in cells[1:]]) for cells in runs]
    mixes = [str(place) for place in range(5)]
    steps = np.array([0.0, 0.1, 0.3, 0.1, 0.0])[:, None, None]
    alike = [frontier(mixes, each[:5]) for each in runs]
    apart = [frontier(mixes, each[:5] + steps) for each in runs]
    return {
        "any_of_ten_without_adjustment": sum(bool(p.min() < 0.05) for p in ps) / FEWER,
        "any_of_ten_by_holm": sum(bool(holm(p).min() < 0.05) for p in ps) / FEWER,
        "frontier_tells_any_where_all_are_alike": sum(len(each.alike) < 5 for each in alike) / FEWER,
        "frontier_finds_the_best": sum(each.best == "2" for each in apart) / FEWER,
        "frontier_tells_it_from_neighbours": sum(each.told_from_neighbours for each in apart) / FEWER,
    }


def lines(rng: np.random.Generator) -> dict[str, Any]:
    """Return how well lines in log k are found, and bends: of curves run by run, and of best-of-k."""
    walks = 0.1 * rng.standard_normal((FEWER, TASKS, SEEDS, len(KS)))
    straight = [log_linear(each, KS) for each in np.cumsum(walks + 0.2, axis=3)]
    rises = np.array([0.2, 0.2, 0.2, 0.2, 0.0, 0.0])
    bent = [log_linear(each, KS) for each in np.cumsum(walks + rises, axis=3)]
    # Of Gumbel variates the mean of the largest of k grows by log k exactly: a line all along.
    runs = rng.gumbel(size=(FEWER, TASKS, 64)) * 0.2
    best = [log_linear(pseudo_values(each, KS[:4]), KS[:4]) for each in runs]
    truth = 0.2 * math.log(2)
    return {
        "slope_covers": share([each.slope for each in straight], np.full(FEWER, 0.2)),
        "line_taken_for_bent": sum(each.bends_at is not None for each in straight) / FEWER,
        "bend_found": sum(each.bends_at is not None for each in bent) / FEWER,
        "bend_found_in_its_place": sum(each.bends_at in (4, 8, 16) for each in bent) / FEWER,
        "best_of_k_slope_covers": share([each.slope for each in best], np.full(FEWER, truth)),
        "best_of_k_line_taken_for_bent": sum(each.bends_at is not None for each in best) / FEWER,
    }


def currencies(rng: np.random.Generator) -> dict[str, Any]:
    """Return how often the interval of gain per unit of what was spent covers."""
    spent = rng.lognormal(2, 0.4, (FEWER, TASKS, SEEDS))
    gains = 0.05 * spent + 0.1 * rng.standard_normal(spent.shape)
    told = [gain_per_unit(*each) for each in zip(gains, spent, strict=True)]
    return {"covers": share(told, np.full(FEWER, 0.05))}


PARTS: Mapping[str, Callable[[np.random.Generator], dict[str, Any]]] = {
    "intervals": intervals, "best_of": best_of, "planted": planted, "many": many, "lines": lines,
    "gain_per_unit": currencies,
}  # fmt: skip


def main() -> None:
    """Simulate, print and write the result."""
    begun = time.process_time()
    figures: dict[str, Any] = {}
    for place, (name, part) in enumerate(PARTS.items()):
        figures[name] = rounded(part(np.random.default_rng(place)))
        show(name, figures[name])
    figures["repetitions"] = {"best_of, planted": REPETITIONS, "all others": FEWER}
    figures["cpu_seconds"] = round(time.process_time() - begun, 1)
    print(write_results("estimators", figures))


def rounded(figures: Any) -> Any:
    """Return figures rounded to four places, however deep."""
    if isinstance(figures, dict):
        return {name: rounded(each) for name, each in figures.items()}
    return round(figures, 4) if isinstance(figures, float) else figures


def show(path: str, figures: Any) -> None:
    """Print figures a line each, with where they belong."""
    if isinstance(figures, dict):
        for name, each in figures.items():
            show(f"{path}: {name}", each)
    else:
        print(f"{path:80} {figures}", flush=True)


if __name__ == "__main__":
    main()
