"""Identity of a run (what it can be resumed with) and of a lineage (what came of it)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import msgspec

from evo.budget import Budget
from evo.candidate import Proposal
from evo.engine import Engine
from evo.evaluation import Evaluation, Source
from evo.imports import Imported
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
        imported: the kernels of earlier runs that it began with, in order.
    """

    task: str
    operators: tuple[str, ...]
    source: Source
    device: str
    imported: tuple[Imported, ...] = ()

    @classmethod
    def of(cls, engine: Engine) -> RunIdentity:
        """Return the identity of the run that an engine searches."""
        return cls(
            task=engine.task.digest,
            operators=tuple(sorted(engine.operators)),
            source=engine.source,
            device=engine.device,
            imported=tuple(Imported(each.kernel.digest, each.origin) for each in engine.imports),
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


class LineageDigest:
    """A SHA-256 over what came of a search, in number order, taken as its individuals settle.

    Equal for two runs if and only if they made the same kernels for the same proposals with the same verdicts
    and latencies. Costs, feedback and whether a verdict came from a cache are no part of it.
    """

    def __init__(self) -> None:
        """Begin with no individual."""
        self._digest = hashlib.sha256()
        self._next = 0
        self._early: dict[int, bytes] = {}

    def add(self, individual: Individual) -> None:
        """Take an individual; one whose number is due later waits for those before it."""
        candidate = individual.candidate
        kernel = None if candidate.kernel is None else candidate.kernel.digest
        self.take(candidate.proposal, kernel, individual.evaluation)

    def take(self, proposal: Proposal, kernel: str | None, evaluation: Evaluation) -> None:
        """Take an individual by its proposal, its kernel's digest and its evaluation as settled."""
        parts = (
            proposal,
            kernel,
            evaluation.status,
            evaluation.stage,
            evaluation.duplicate_of,
            evaluation.plan_digest,
            evaluation.measurements,
        )
        self._early[proposal.number] = msgspec.json.encode(parts)
        while self._next in self._early:
            self._digest.update(self._early.pop(self._next))
            self._next += 1

    def hexdigest(self) -> str:
        """Return the digest, in hex, of all that were taken, numbers that are missing left out."""
        digest = self._digest.copy()
        for number in sorted(self._early):
            digest.update(self._early[number])
        return digest.hexdigest()


def lineage_digest(individuals: Iterable[Individual]) -> str:
    """Return the digest of individuals in any order."""
    digest = LineageDigest()
    for individual in individuals:
        digest.add(individual)
    return digest.hexdigest()
