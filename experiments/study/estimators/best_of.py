"""Best of k over n parallel runs, without bias and with its variance.

The mean of the best over all choices of k runs out of n, not one draw of it. With the values in ascending
order, the i-th is the best of C(i - 1, k - 1) of the C(n, k) choices, so the mean is a weighted sum of order
statistics: the U-statistic with the maximum as its kernel (Hoeffding 1948), unbiased for any distribution.
For values of 0 and 1 it is pass@k of Chen et al. 2021, arXiv 2107.03374: 1 - C(n - c, k) / C(n, k).

Its variance is the jackknife's for U-statistics (Arvesen 1969), which errs towards too much (Efron and Stein
1981). What it rests on are the few runs that are ever the best of k, about n / k of them: Student's interval
takes as many degrees of freedom. Of three tasks and 8 to 32 runs it then covers at 92 to 99%, at 93 to 97% in
three cases of four (`python -m experiments.bench.estimators`); with n - 1 it is 84% at 8 of 16 runs of one
task. With less than two choices of their own, k beyond n / 2, there is no interval.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import gammaln

from experiments.study.estimators.estimate import LEVEL, Array, Estimate, checked, student


def best_of_k(values: Array, k: int) -> Array:
    """Return the unbiased best of k; values have shape (..., runs), the result lacks the last axis.

    Raises:
        ValueError: k is not 1 to the number of runs.
    """
    return np.asarray(np.sort(values, axis=-1) @ order_weights(values.shape[-1], k))


def best_of_k_estimate(values: Array, k: int, level: float = LEVEL) -> Estimate:
    """Return the mean over tasks of the best of k with its interval, for these very tasks.

    Values have shape (tasks, runs). The tasks' variances add up; degrees of freedom are Satterthwaite's
    (1946), each task giving runs / k.

    Raises:
        ValueError: values of another shape, or k out of range.
    """
    checked(values, 2, "tasks x runs")
    tasks, runs = values.shape
    value = float(best_of_k(values, k).mean())
    if 2 * k > runs:
        return student(value, np.inf, 0, level)
    variances = jackknife_variance(values, k)
    total = float(variances.sum())
    each = min(runs - 1, runs / k)
    freedom = each if total == 0 else each * total**2 / float((variances**2).sum())
    return student(value, float(np.sqrt(total)) / tasks, freedom, level)


def jackknife_variance(values: Array, k: int) -> Array:
    """Return the variance of `best_of_k`; values have shape (..., runs), with k less than the runs."""
    runs = values.shape[-1]
    left_out = best_of_k_without_each(values, k)
    spread = left_out - left_out.mean(axis=-1, keepdims=True)
    return np.asarray((runs - 1) / runs * (spread**2).sum(axis=-1))


def best_of_k_without_each(values: Array, k: int) -> Array:
    """Return the best of k with each run left out in turn, those with the lowest values first.

    Values have shape (..., runs), and so has the result. All are read off two running sums: those below the
    one left out keep their rank, those above lose one.
    """
    ordered = np.sort(values, axis=-1)
    weights = order_weights(values.shape[-1] - 1, k)
    below = np.cumsum(ordered[..., :-1] * weights, axis=-1)
    above = np.cumsum((ordered[..., 1:] * weights)[..., ::-1], axis=-1)[..., ::-1]
    nothing = np.zeros((*ordered.shape[:-1], 1))
    return np.asarray(np.concatenate([nothing, below], axis=-1) + np.concatenate([above, nothing], axis=-1))


def pseudo_values(values: Array, ks: Sequence[int]) -> Array:
    """Return what each run contributes to the curve of best-of-k (Tukey 1958), shape (tasks, runs, ks).

    Values have shape (tasks, runs). A task's mean over its runs, those with the lowest values first, is its
    curve exactly, and to first order the runs are independent: what takes one curve a run may take these.

    Raises:
        ValueError: a k that is not 1 to one less than the runs.
    """
    checked(values, 2, "tasks x runs")
    runs = values.shape[1]
    columns = [
        runs * best_of_k(values, k)[:, None] - (runs - 1) * best_of_k_without_each(values, k) for k in ks
    ]
    return np.stack(columns, axis=-1)


def order_weights(runs: int, k: int) -> Array:
    """Return the weight of each order statistic, ascending, in the mean best of k out of so many runs.

    Raises:
        ValueError: k is not 1 to the number of runs.
    """
    if not 1 <= k <= runs:
        raise ValueError(f"best of k takes k from 1 to the {runs} runs, got {k}")
    rank = np.arange(k, runs + 1)
    weights = np.zeros(runs)
    # C(rank - 1, k - 1) up to a factor that all share, by logarithms: the numbers themselves overflow.
    choices = gammaln(rank) - gammaln(rank - k + 1)
    weights[k - 1 :] = np.exp(choices - choices[-1])
    return np.asarray(weights / weights.sum())
