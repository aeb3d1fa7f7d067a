"""What all operators that ask a model have in common."""

from __future__ import annotations

import abc
import random
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from evo.candidate import Proposal, Spend
from evo.objective import Individual
from evo.protocols import Chronicle, Closing, Draft, Malformed
from evo.syntax import syntax_digest
from evo.task import Task
from operators.llm.briefs import STEPS, Brief, Occasion, source_of
from operators.llm.conversation import LONGEST_PROMPT, LONGEST_SYSTEM, Conversation, Question, most, size
from operators.llm.correspondence import Correspondence
from operators.llm.desk import Desk
from operators.llm.directions import direction
from operators.llm.lines import line_of
from operators.llm.settings import LlmSettings, ModelSettings
from operators.llm.telling import bounds_of

BEST, WORST = 6, 3
"""Strategies tried that are shown."""
SPARED = ("exemplar", "past", "cards", "tried")
"""What a prompt goes without, one after the other, if it would be too long."""


class ModelOperator(abc.ABC):
    """Asks one model for a kernel. A subclass says for which parents, and what the prompt tells of them.

    What it returns is a function of the proposal, the parents, the settled individuals and the replies.
    """

    kind: str
    arity: int

    def __init__(self, desk: Desk, model: ModelSettings) -> None:
        """Take what is shared, and the model to ask. It asks nobody before `consult` was called."""
        self.desk = desk
        self._model = model
        self._chronicle: Chronicle | None = None

    @property
    def name(self) -> str:
        """The kind of operator, and the model if there are several."""
        return name_of(self.kind, self._model, self.desk.settings)

    @property
    def most(self) -> Spend:
        """The most that one answer may cost, all corrections included."""
        return most(self.desk.provider, self._model, self.desk.settings.corrections)

    def consult(self, chronicle: Chronicle) -> None:
        """Take the chronicle of the run, where replies are kept and found again."""
        self._chronicle = chronicle

    async def aclose(self) -> None:
        """Close what the provider holds open, once or again for each operator that asks it."""
        if isinstance(self.desk.provider, Closing):
            await self.desk.provider.aclose()

    def observe(self, individual: Individual) -> None:
        """Take note of a settled individual, once however many operators share the desk."""
        self.desk.note(individual)

    @abc.abstractmethod
    def applies(self, parents: Sequence[Individual], task: Task) -> bool:
        """Return whether a model can be asked about these parents."""

    @abc.abstractmethod
    def brief(self, occasion: Occasion) -> Brief:
        """Return what a model is to be asked."""

    async def propose(
        self, proposal: Proposal, parents: Sequence[Individual], task: Task
    ) -> Draft | Malformed:
        """Return the kernel that the model wrote, or why it wrote none.

        Raises:
            Unanswered: a reply does not come in this session; the proposal stays owed.
            ModelError: the endpoint refuses us, or is out of reach for long.
            JournalError: a reply cannot be kept.
            ValueError: the operator was not told of a chronicle.
        """
        chronicle = self._consulted()
        occasion = Occasion(
            rng=random.Random(proposal.key), parents=tuple(parents), task=task,
            settled=frozenset(chronicle.settled(proposal)),
        )  # fmt: skip
        question = self._question(self.brief(occasion), occasion)
        if isinstance(question, Malformed):
            return question
        desk = self.desk
        correspondence = Correspondence(desk.provider, chronicle)
        conversation = Conversation(correspondence, desk.templates, self._model, desk.settings.corrections)
        return await conversation.draft(proposal, question)

    @property
    def individuals(self) -> Mapping[int, Individual]:
        """All settled individuals, for those that an occasion may build on."""
        return self._consulted().individuals

    def tried(self, occasion: Occasion, parents: Sequence[Individual]) -> dict[str, Any]:
        """Return the facts on strategies tried by parents, ancestors and siblings-to-be."""
        if not self.desk.settings.strategy:
            return {"tried": ()}
        ancestors = (each.number for parent in parents for each in self._steps_back(parent))
        numbers = [parent.number for parent in parents]
        return {"tried": self.desk.attempts.about(numbers, ancestors, occasion.settled, BEST, WORST)}

    def drawn(self, occasion: Occasion, parents: Sequence[Individual]) -> dict[str, Any]:
        """Return the facts on the direction that is drawn for an occasion."""
        strategy = self.desk.settings.strategy
        return {"direction": direction(occasion.rng, bounds_of(parents)) if strategy else ""}

    def _steps_back(self, individual: Individual) -> Iterable[Individual]:
        back = line_of(individual, self.individuals)
        return (each for _, each in zip(range(STEPS), back, strict=False))

    def _question(self, brief: Brief, occasion: Occasion) -> Question | Malformed:
        """Return the question of a brief, its prompt with all that there is room for."""
        desk, settings, task = self.desk, self.desk.settings, occasion.task
        subject = brief.subject
        kernel = None if subject is None else subject.candidate.kernel
        facts = {
            "task": task, "target": desk.target, "strategy": settings.strategy,
            "cards": desk.cards.about(task, desk.target, subject) if desk.cards else (),
            "exemplar": desk.exemplars.nearest(kernel, task) if desk.exemplars else None,
            **brief.facts,
        }  # fmt: skip
        prompt = desk.templates.render(brief.template, facts)
        for name in SPARED:
            if size(prompt) > LONGEST_PROMPT and facts.get(name):
                facts[name] = ()
                prompt = desk.templates.render(brief.template, facts)
        system = desk.templates.render("system", facts)
        if size(prompt) > LONGEST_PROMPT or size(system) > LONGEST_SYSTEM:
            return Malformed(
                f"{brief.label}: a prompt has at most {LONGEST_PROMPT} bytes, got {size(prompt)}; "
                "the task and its kernels are too long for it"
            )
        shown = {
            syntax_digest(source_of(each)): f"kernel {each.number}" for each in brief.shown if source_of(each)
        }
        shown.setdefault(syntax_digest(task.seed.source), "the plain kernel that the search began with")

        def twin(syntax: str) -> str | None:
            first = desk.made.first(syntax, occasion.settled)
            made = None if first is None else f"kernel {first}, which was made before,"
            return shown.get(syntax, made)

        return Question(
            system=system, prompt=prompt, entry_point=task.entry_point, base=brief.base, twin=twin,
            label=brief.label, fallback=brief.fallback,
        )  # fmt: skip

    def _consulted(self) -> Chronicle:
        if self._chronicle is None:
            raise ValueError(f"{self.name} must be told of the run's chronicle before it is asked")
        return self._chronicle


def name_of(kind: str, model: ModelSettings, settings: LlmSettings) -> str:
    """Return the name of an operator that asks a model: its kind, and the model if there are several."""
    return kind if len(settings.models) == 1 else f"{kind}@{model.name}"
