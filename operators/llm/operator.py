"""What all operators that ask a model have in common."""

from __future__ import annotations

import abc
import random
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from evo.candidate import Proposal, Spend
from evo.objective import Individual
from evo.protocols import Chronicle, Closing, Draft, Malformed
from evo.syntax import syntax_digest
from evo.task import Task
from operators.llm.attempts import Attempts
from operators.llm.context import Cards, Exemplars
from operators.llm.contract import Provider
from operators.llm.conversation import LONGEST_PROMPT, LONGEST_SYSTEM, Conversation, Question, most, size
from operators.llm.correspondence import Correspondence
from operators.llm.directions import direction
from operators.llm.lines import line_of
from operators.llm.made import Made
from operators.llm.settings import LlmSettings, ModelSettings
from operators.llm.target import Target
from operators.llm.telling import bounds_of
from operators.llm.templates import Templates
from operators.llm.traps import Traps

LONGEST_KERNEL = 12_000
"""Bytes of a kernel, as a request has them, beyond which no model is asked about it."""
STEPS, PAST = 12, 3
"""Steps back along a line, and past kernels that are shown in full."""
BEST, WORST = 6, 3
"""Strategies tried that are shown."""
SPARED = ("exemplar", "past", "cards", "tried")
"""What a prompt goes without, one after the other, if it would be too long."""


class Desk(msgspec.Struct, frozen=True, kw_only=True):
    """What all operators of a run that ask models share.

    Attributes:
        settings: what is asked, and with what in the prompts.
        provider: who answers.
        target: the GPU that kernels are made for.
        exemplars, cards: what prompts hold beside the task; None where they hold nothing of it.
        templates: the prompts.
        attempts: strategies tried.
        traps: repairs that changed nothing.
        made: kernels that the run has had.
    """

    settings: LlmSettings
    provider: Provider
    target: Target
    exemplars: Exemplars | None
    cards: Cards | None
    templates: Templates
    attempts: Attempts
    traps: Traps
    made: Made


class Occasion(msgspec.Struct, frozen=True, kw_only=True):
    """What a brief is made for, and may build on.

    Attributes:
        rng: random numbers from the proposal's key.
        parents: of the proposal.
        task: what the kernel must do.
        settled: numbers of the individuals that were settled when the proposal was asked. Whatever is settled
            later changes nothing, so that a request made anew finds its reply again.
    """

    rng: random.Random
    parents: tuple[Individual, ...]
    task: Task
    settled: frozenset[int]


class Brief(msgspec.Struct, frozen=True, kw_only=True):
    """What one operator wants of a model for one proposal.

    Attributes:
        template: name of the prompt.
        facts: what the template tells beside the shared facts.
        subject: the individual that cards and exemplar are chosen for; None for a kernel from nothing.
        base: the source that search and replace blocks are about; None where a whole module is due.
        shown: individuals whose kernels may not come back.
        label, fallback: as in `Question`.
    """

    template: str
    facts: dict[str, Any]
    subject: Individual | None
    base: str | None
    shown: tuple[Individual, ...]
    label: str
    fallback: str


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
        self.desk.attempts.note(individual)
        self.desk.traps.note(individual)
        self.desk.made.note(individual)

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
                f"the task's text is too long"
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


def source_of(individual: Individual) -> str:
    """Return the source of an individual's kernel, empty if it has none."""
    kernel = individual.candidate.kernel
    return "" if kernel is None else kernel.source


def is_askable(individual: Individual) -> bool:
    """Return whether an individual has a kernel that fits a prompt."""
    return bool(source_of(individual)) and size(source_of(individual)) <= LONGEST_KERNEL
