"""Budget: when a search has had enough, and the sentence that says why."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import msgspec

from evo.errors import SettingsError


class Budget(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Limits of a search; None sets no limit.

    Attributes:
        evaluations: candidates told, the seed and everything that failed included.
        wall_seconds: seconds that the run's sessions were active, added up.
        stagnant_generations: generations in a row without a better elite.
        target_speedup: speed-up over the seed kernel that is good enough.

    Raises:
        SettingsError: a limit that is not positive and finite.
    """

    evaluations: int | None = None
    wall_seconds: float | None = None
    stagnant_generations: int | None = None
    target_speedup: float | None = None

    def __post_init__(self) -> None:
        """Refuse a limit that cannot be one."""
        for name in self.__struct_fields__:
            limit = getattr(self, name)
            if limit is not None and not 0 < limit < math.inf:
                raise SettingsError(f"search.budget.{name} must be positive and finite, got {limit}")


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How far a search has come, as far as budgets ask.

    Attributes:
        told: candidates told, the seed included.
        stagnant_generations: generations since the elite last became better.
        speedup: the elite's speed-up over the seed kernel; None before the seed is settled.
        active_seconds: seconds that the run's sessions were active.
    """

    told: int = 0
    stagnant_generations: int = 0
    speedup: float | None = None
    active_seconds: float = 0.0


Check = Callable[[Budget, Standing], str | None]


def counted(number: int, noun: str) -> str:
    """Return the number with its noun, in the plural where there is not exactly one."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def target_reached(budget: Budget, standing: Standing) -> str | None:
    """Return a reason once the elite is fast enough."""
    if budget.target_speedup is None or standing.speedup is None or standing.speedup < budget.target_speedup:
        return None
    return f"target speed-up {budget.target_speedup}x reached"


def evaluations_made(budget: Budget, standing: Standing) -> str | None:
    """Return a reason once enough candidates were told."""
    if budget.evaluations is None or standing.told < budget.evaluations:
        return None
    return f"{counted(standing.told, 'evaluation')} made"


def stagnated(budget: Budget, standing: Standing) -> str | None:
    """Return a reason once the elite has stayed the same for too long."""
    limit = budget.stagnant_generations
    if limit is None or standing.stagnant_generations < limit:
        return None
    return f"no gain in {counted(standing.stagnant_generations, 'generation')}"


def time_used(budget: Budget, standing: Standing) -> str | None:
    """Return a reason once the time is used; less than a millisecond left is none."""
    if budget.wall_seconds is None or budget.wall_seconds - standing.active_seconds >= 1e-3:
        return None
    return f"wall time of {budget.wall_seconds:g} s used"


CHECKS: tuple[Check, ...] = (target_reached, evaluations_made, stagnated, time_used)


def spent(budget: Budget, standing: Standing, checks: Sequence[Check] = CHECKS) -> str | None:
    """Return the first reason to stop that the checks find, or None if the search may go on."""
    reasons = (check(budget, standing) for check in checks)
    return next((reason for reason in reasons if reason is not None), None)
