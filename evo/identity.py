"""Identity of a run (what it can be resumed with) and of a lineage (what came of it)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import msgspec

from evo.budget import Budget
from evo.engine import Engine
from evo.evaluation import Source
from evo.objective import Individual
from evo.settings import SearchRules, SearchSettings

IDENTITY = "identity"
"""Key of the run's identity in the journal's meta, from its first session on."""


class RunIdentity(SearchRules, frozen=True, kw_only=True):
    """What must stay the same for a journal to fold; budgets and counts in flight may change.

    Attributes:
        task: the task's digest.
        operators: names, sorted.
        source, device: of all evaluations.
    """

    task: str
    operators: tuple[str, ...]
    source: Source
    device: str

    @classmethod
    def of(cls, engine: Engine) -> RunIdentity:
        """Return the identity of the run that an engine searches."""
        return cls(
            task=engine.task.digest,
            operators=tuple(sorted(engine.operators)),
            source=engine.source,
            device=engine.device,
            **{name: getattr(engine.settings, name) for name in SearchRules.__struct_fields__},
        )

    def settings(self) -> SearchSettings:
        """Return settings by these rules, without a budget."""
        rules = {name: getattr(self, name) for name in SearchRules.__struct_fields__}
        return SearchSettings(budget=Budget(), **rules)

    def differences(self, other: RunIdentity) -> list[str]:
        """Return a clause for each part in which `other` differs from this one."""
        pairs = [(name, getattr(self, name), getattr(other, name)) for name in self.__struct_fields__]
        return [f"{name} was {was!r}, got {now!r}" for name, was, now in pairs if was != now]


def lineage_digest(individuals: Iterable[Individual]) -> str:
    """Return a SHA-256, in hex, over what came of a search, in number order.

    Equal for two runs if and only if they made the same kernels for the same proposals with the same verdicts
    and latencies. Costs, feedback and whether a verdict came from a cache are no part of it.
    """
    digest = hashlib.sha256()
    for individual in sorted(individuals, key=lambda individual: individual.number):
        candidate, evaluation = individual.candidate, individual.evaluation
        parts = (
            candidate.proposal,
            candidate.kernel and candidate.kernel.digest,
            evaluation.status,
            evaluation.stage,
            evaluation.duplicate_of,
            evaluation.plan_digest,
            evaluation.measurements,
        )
        digest.update(msgspec.json.encode(parts))
    return digest.hexdigest()
