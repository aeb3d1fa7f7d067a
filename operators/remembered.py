"""Answers kept for the questions asked lately."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Question = TypeVar("Question", bound=Hashable)
Answer = TypeVar("Answer")


class Remembered(Generic[Question, Answer]):
    """A pure function that keeps its latest answers."""

    def __init__(self, answer: Callable[[Question], Answer], size: int = 256) -> None:
        """Take the function, and how many answers are kept."""
        self._answer = answer
        self._size = size
        self._kept: OrderedDict[Question, Answer] = OrderedDict()

    def __call__(self, question: Question) -> Answer:
        """Return the answer, found or kept."""
        if question not in self._kept:
            self._kept[question] = self._answer(question)
            if len(self._kept) > self._size:
                self._kept.popitem(last=False)
        self._kept.move_to_end(question)
        return self._kept[question]
