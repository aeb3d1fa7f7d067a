"""Pilot: a small slice of a study, from which its cost and the seeds that it needs can be told."""

from __future__ import annotations

import math

import msgspec

from experiments.study.currency import Allowance
from experiments.study.estimators.over_runs import Tasks
from experiments.study.estimators.power import seeds_needed, spread_of
from experiments.study.gathered import Gathered, log2_best
from experiments.study.grid import combined
from experiments.study.settings import StudySettings

SEEDS = 2
"""Fewer would tell nothing of how seeds differ."""

SHARE = 4
"""The part of the budget that a pilot spends, one in so many, as far as its mixes can share that."""

FEWEST = 2
"""Units of what comes whole that each run of a pilot may spend at least."""


class Power(msgspec.Struct, frozen=True, kw_only=True):
    """What it takes to tell a mix from the baseline if their speed-ups differ by 5%.

    Attributes:
        mix: the mix.
        spread: standard deviation over seeds of the difference, in doublings.
        seeds: a task, for a power of 80%; None if no number of them is enough.
    """

    mix: str
    spread: float
    seeds: int | None


def pilot_of(study: StudySettings) -> StudySettings:
    """Return the study's pilot: all mixes and tasks, two seeds, and the smallest budget of some use."""
    seeds = study.seed_numbers[:SEEDS]
    seeds = seeds if len(seeds) == SEEDS else (seeds[0], seeds[0] + 1)
    return msgspec.structs.replace(study, seeds=seeds, budget=_small(study))


def powers(found: Gathered, baseline: str) -> list[Power]:
    """Return what it takes to tell each mix from the baseline, as far as the pilot's spread goes for more."""
    own = found.array(baseline, log2_best())
    told = []
    for mix in found.mixes:
        if mix != baseline:
            spread = spread_of(found.array(mix, log2_best()) - own)
            needed = seeds_needed(len(found.tasks), spread, Tasks.THESE)
            told.append(Power(mix=mix, spread=spread.seeds, seeds=needed))
    return told


def power_text(told: list[Power], tasks: int, planned: int) -> str:
    """Return in words how many seeds tell a difference of 5%."""
    if not told:
        return "There is one mix only: no difference to tell."
    lines = [f"To tell a 5% difference from the baseline four times out of five, on these {tasks} tasks:"]
    lines += [
        f"  {each.mix:28.28}{_seeds(each.seeds):>14}   (differences spread by {2**each.spread - 1:.1%})"
        for each in told
    ]
    most = max((each.seeds or math.inf) for each in told)
    enough = "are enough" if planned >= most else "are too few"
    lines.append(f"The {planned} seeds of the study {enough}, if its spread is the pilot's.")
    return "\n".join(lines)


def _seeds(count: int | None) -> str:
    return "never" if count is None else f"{count} seeds"


def _small(study: StudySettings) -> Allowance:
    budget = study.budget
    if not budget.currency.whole:
        return msgspec.structs.replace(budget, amount=budget.amount / SHARE)
    step = math.lcm(*(mix.runs for mix in combined(study)))
    amount = step * max(FEWEST, round(budget.amount / SHARE / step))
    return msgspec.structs.replace(budget, amount=min(amount, budget.amount))
