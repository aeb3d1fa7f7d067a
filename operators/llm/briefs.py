"""Briefs: what an operator wants of a model, and what it may build on."""

from __future__ import annotations

import random
from typing import Any

import msgspec

from evo.objective import Individual
from evo.task import Task
from operators.llm.conversation import size

LONGEST_KERNEL = 12_000
"""Bytes of a kernel, as a request has them, beyond which no model is asked about it."""
STEPS, PAST = 12, 3
"""Steps back along a line, and past kernels that are shown in full."""


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


def source_of(individual: Individual) -> str:
    """Return the source of an individual's kernel, empty if it has none."""
    kernel = individual.candidate.kernel
    return "" if kernel is None else kernel.source


def is_askable(individual: Individual) -> bool:
    """Return whether an individual has a kernel that fits a prompt."""
    return bool(source_of(individual)) and size(source_of(individual)) <= LONGEST_KERNEL
