"""Budget: when a search has had enough, and the sentence that says why.

Each limit is a rule of its own, and any of them ends the search.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import msgspec

from evo.candidate import FREE, Spend
from evo.errors import SettingsError


class Budget(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Limits of a search; None sets no limit.

    Attributes:
        evaluations: candidates told, the seed and everything that failed included.
        generations: generations settled, that of the founders not included.
        wall_seconds: seconds that the run's sessions were active, added up.
        tokens: tokens that language models read and wrote.
        dollars: their price.
        llm_calls: requests that language models answered. No proposal is asked that may cost more than is
            left of tokens, dollars or calls.
        gpu_seconds: time that GPUs were held for the candidates settled, founders not counted; like all time
            it ends no two runs alike.
        stagnant_evaluations: candidates settled in a row without a better elite.
        stagnant_generations: generations in a row without a better elite.
        target_speedup: speed-up over the seed kernel that is good enough.

    Raises:
        SettingsError: a limit that is not positive and finite.
    """

    evaluations: int | None = None
    generations: int | None = None
    wall_seconds: float | None = None
    tokens: int | None = None
    dollars: float | None = None
    llm_calls: int | None = None
    gpu_seconds: float | None = None
    stagnant_evaluations: int | None = None
    stagnant_generations: int | None = None
    target_speedup: float | None = None

    def __post_init__(self) -> None:
        """Refuse a limit that cannot be one."""
        for name in self.__struct_fields__:
            limit = getattr(self, name)
            if limit is not None and not 0 < limit < math.inf:
                raise SettingsError(f"search.budget.{name} must be positive and finite, got {limit}")

    def candidates(self, founders: int, offspring: int) -> float:
        """Return how many candidates generation 0 and so many offspring a generation come to at most."""
        by_generations = math.inf if self.generations is None else founders + self.generations * offspring
        return min(by_generations, math.inf if self.evaluations is None else self.evaluations)

    def holds(self, spend: Spend) -> bool:
        """Return whether a spend stays within the limits."""
        return (
            (self.tokens is None or spend.tokens <= self.tokens)
            and (self.dollars is None or spend.dollars <= self.dollars)
            and (self.llm_calls is None or spend.calls <= self.llm_calls)
        )

    def share(self, spend: Spend) -> str:
        """Return in words how much of the limits was spent."""
        tokens = [] if self.tokens is None else [f"{spend.tokens} of {counted(self.tokens, 'token')}"]
        dollars = [] if self.dollars is None else [f"{spend.dollars:.6g} of {self.dollars:g} dollars"]
        calls = [] if self.llm_calls is None else [f"{spend.calls} of {counted(self.llm_calls, 'LLM call')}"]
        return " and ".join(tokens + dollars + calls)


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How far a search has come, as far as budgets ask.

    Attributes:
        told: candidates told, the seed included.
        generations: generations settled, that of the founders not included.
        spend: what was paid for the candidates told.
        stagnant_evaluations: candidates settled since the elite last became better.
        stagnant_generations: generations since the elite last became better.
        speedup: the elite's speed-up over the seed kernel; None before the seed is settled.
        gpu_seconds: time that GPUs were held for those settled, founders not counted.
        active_seconds: seconds that the run's sessions were active.
    """

    told: int = 0
    generations: int = 0
    spend: Spend = FREE
    stagnant_evaluations: int = 0
    stagnant_generations: int = 0
    speedup: float | None = None
    gpu_seconds: float = 0.0
    active_seconds: float = 0.0


Check = Callable[[Budget, Standing], str | None]


def counted(number: int, noun: str, nouns: str | None = None) -> str:
    """Return the number with its noun, in the plural where there is not exactly one."""
    return f"{number} {noun}" if number == 1 else f"{number} {nouns or f'{noun}s'}"


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


def generations_made(budget: Budget, standing: Standing) -> str | None:
    """Return a reason once enough generations were settled."""
    if budget.generations is None or standing.generations < budget.generations:
        return None
    return f"{counted(standing.generations, 'generation')} made"


def tokens_used(budget: Budget, standing: Standing) -> str | None:
    """Return a reason once the tokens are used."""
    if budget.tokens is None or standing.spend.tokens < budget.tokens:
        return None
    return f"{standing.spend.tokens} of {counted(budget.tokens, 'token')} spent"


def dollars_used(budget: Budget, standing: Standing) -> str | None:
    """Return a reason once the dollars are used."""
    if budget.dollars is None or standing.spend.dollars < budget.dollars:
        return None
    return f"{standing.spend.dollars:.6g} of {budget.dollars:g} dollars spent"


def calls_made(budget: Budget, standing: Standing) -> str | None:
    """Return a reason once the calls of language models are used."""
    if budget.llm_calls is None or standing.spend.calls < budget.llm_calls:
        return None
    return f"{standing.spend.calls} of {counted(budget.llm_calls, 'LLM call')} made"


def gpu_time_used(budget: Budget, standing: Standing) -> str | None:
    """Return a reason once GPUs were held for long enough."""
    if budget.gpu_seconds is None or standing.gpu_seconds < budget.gpu_seconds:
        return None
    return f"{standing.gpu_seconds:.4g} of {budget.gpu_seconds:g} GPU seconds used"


def stalled(budget: Budget, standing: Standing) -> str | None:
    """Return a reason once too many candidates have left the elite the same."""
    if budget.stagnant_evaluations is None or standing.stagnant_evaluations < budget.stagnant_evaluations:
        return None
    return f"no gain in {counted(standing.stagnant_evaluations, 'evaluation')}"


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


CHECKS: tuple[Check, ...] = (
    target_reached,
    evaluations_made,
    generations_made,
    tokens_used,
    dollars_used,
    calls_made,
    gpu_time_used,
    stalled,
    stagnated,
    time_used,
)
"""The rule of each limit, in the order in which they are asked: the first that holds is the reason."""


def spent(budget: Budget, standing: Standing, checks: Sequence[Check] = CHECKS) -> str | None:
    """Return the first reason to stop that the checks find, or None if the search may go on."""
    reasons = (check(budget, standing) for check in checks)
    return next((reason for reason in reasons if reason is not None), None)
