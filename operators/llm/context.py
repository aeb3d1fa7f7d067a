"""What prompts hold beside the task and its kernels: a kernel of another task, and cards of facts."""

from __future__ import annotations

from typing import Protocol

import msgspec

from evo.candidate import Kernel
from evo.objective import Individual
from evo.task import Task
from operators.llm.target import Target


class Exemplar(msgspec.Struct, frozen=True, kw_only=True):
    """A kernel of another task that shows how such kernels are written.

    Attributes:
        task: what it computes, by its task's name.
        source: its module.
        note: one line on where it comes from, or on how fast it is; empty if there is nothing to say.
    """

    task: str
    source: str
    note: str = ""


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """Facts on one topic, short enough to be read with every prompt.

    Attributes:
        title: the topic.
        text: Markdown without headings.
    """

    title: str
    text: str


class Exemplars(Protocol):
    """Finds the kernel to show."""

    def nearest(self, kernel: Kernel | None, task: Task) -> Exemplar | None:
        """Return the kernel most like this one, never one of the same task; None if there is none.

        Without a kernel to go by, the one whose task is told most like this task. Pure and quick.
        """


class Cards(Protocol):
    """Finds the facts to tell."""

    def about(self, task: Task, target: Target, individual: Individual | None) -> tuple[Card, ...]:
        """Return the cards for a task on a target, the most useful first, few enough for one prompt.

        The individual is the parent, whose failure or bottleneck they bear on; None for a first kernel.
        Pure and quick.
        """
