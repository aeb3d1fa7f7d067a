"""Cards picked by the target, the kind of work, and the failure or bottleneck at hand."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from evo.evaluation import Bound, Evaluation, Status
from evo.objective import Individual
from evo.task import Task
from operators.llm.card_files import Filed, Heading, Sign
from operators.llm.context import Card
from operators.llm.target import Target
from operators.llm.traits import Trait, traits_of

MOST_CARDS = 5
MOST_CHARACTERS = 6_000
"""Of all cards of a prompt together: some 1,500 tokens."""

WEIGHTS = {
    Trait.ATTENTION: 5, Trait.MATMUL: 4, Trait.SOFTMAX: 4, Trait.SCAN: 4, Trait.GATHER: 4, Trait.ATOMICS: 4,
    Trait.FLOAT8: 4, Trait.REDUCTION: 3, Trait.ELEMENTWISE: 2,
}  # fmt: skip
"""How much a trait says of the work; what most tasks have, such as a loop, says little."""


class Situation(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be done: the target, the kind of work, and what came of the parent, if there is one."""

    target: Target
    traits: frozenset[Trait]
    status: Status | None
    feedback: str
    bounds: frozenset[Bound]
    signs: frozenset[Sign]


class CardFile:
    """Picks among cards: the same situation is always told the same."""

    def __init__(self, filed: Iterable[Filed]) -> None:
        """Choose among these cards; of equals, the first comes first."""
        self._filed = tuple(filed)

    def about(self, task: Task, target: Target, individual: Individual | None) -> tuple[Card, ...]:
        """Return the cards for a task on a target, the most useful first, few enough for one prompt."""
        situation = situation_of(task, target, individual)
        scored = [(-_use(filed.heading, situation), at) for at, filed in enumerate(self._filed)]
        chosen: list[Card] = []
        room = MOST_CHARACTERS
        for score, at in sorted(scored):
            card = self._filed[at].card
            if score < 0 and len(chosen) < MOST_CARDS and len(card.text) + len(card.title) <= room:
                chosen.append(card)
                room -= len(card.text) + len(card.title)
        return tuple(chosen)


def situation_of(task: Task, target: Target, individual: Individual | None) -> Situation:
    """Return what the cards are picked by."""
    kernel = individual.candidate.kernel if individual else None
    evaluation = individual.evaluation if individual else None
    resources = evaluation.resources if evaluation else ()
    return Situation(
        target=target,
        traits=traits_of(task, target, (kernel or task.seed).source),
        status=evaluation.status if evaluation else None,
        feedback=evaluation.feedback.lower() if evaluation else "",
        bounds=frozenset(each.bound for each in resources if each.bound),
        signs=_signs(evaluation, target) if evaluation else frozenset(),
    )


def _use(heading: Heading, situation: Situation) -> int:
    """Return how useful a card is in a situation; 0 for one that is not for it."""
    target = situation.target
    if heading.backends and target.backend not in heading.backends:
        return 0
    if heading.archs and target.arch not in heading.archs:
        return 0
    if heading.statuses:
        if situation.status not in heading.statuses:
            return 0
        return 20 + 5 * sum(word in situation.feedback for word in heading.words)
    shared = situation.traits.intersection(heading.traits)
    felt = len(situation.bounds.intersection(heading.bounds)) + len(
        situation.signs.intersection(heading.signs)
    )
    if (heading.traits or heading.bounds or heading.signs) and not shared and not felt:
        return 0
    kind = max((WEIGHTS.get(trait, 1) for trait in shared), default=1)
    return kind + 4 * felt + 2 * bool(heading.archs or heading.backends)


def _signs(evaluation: Evaluation, target: Target) -> frozenset[Sign]:
    """Return what the resources of a kernel show."""
    found: set[Sign] = set()
    for each in evaluation.resources:
        if each.spills:
            found.add(Sign.SPILLS)
        if each.occupancy < 0.5:
            found.add(Sign.IDLE)
        if 2 * each.shared_bytes > target.shared_bytes_per_unit or each.occupancy * target.warps_per_unit < (
            2 * each.warps
        ):
            found.add(Sign.WIDE)
    return frozenset(found)
