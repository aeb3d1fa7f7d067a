"""Exemplars: the kernel of another task that is most like the one at hand, found by its code."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import Any

from evo.candidate import Kernel
from evo.task import Task
from operators.llm.code_tokens import code_tokens, text_tokens
from operators.llm.context import Exemplar
from operators.llm.corpus import Sample
from operators.llm.kinship import is_own


class CorpusExemplars:
    """Finds the sample most like a kernel by BM25 over its code, or like a task by its instruction.

    Its answers depend on the samples alone, not on their order. The index is built when it is first needed.
    """

    def __init__(self, samples: Iterable[Sample]) -> None:
        """Choose among these samples; of those with one source, one is kept."""
        distinct = {each.source: each for each in sorted(samples, key=_rank, reverse=True)}
        self._samples = sorted(distinct.values(), key=_rank)

    def nearest(self, kernel: Kernel | None, task: Task) -> Exemplar | None:
        """Return the kernel most like this one, never one of the same task; None if none is like it.

        Without a kernel to go by, the one whose task is told most like this task.
        """
        if kernel is None:
            scores = self._instructions.scores(text_tokens(f"{task.name} {task.instruction}"))
        else:
            scores = self._code.scores(code_tokens(kernel.source))
        for score, at in sorted((-score, at) for at, score in enumerate(scores)):
            if score >= 0:
                break
            if not is_own(self._samples[at], task, kernel):
                sample = self._samples[at]
                return Exemplar(task=sample.task, source=sample.source, note=sample.note)
        return None

    @cached_property
    def _code(self) -> _Index:
        return _Index(self._samples, lambda sample: code_tokens(sample.source))

    @cached_property
    def _instructions(self) -> _Index:
        return _Index(self._samples, lambda sample: text_tokens(f"{sample.task} {sample.instruction}"))


class _Index:
    """Scores of samples for a query, by BM25."""

    def __init__(self, samples: Sequence[Sample], tokens: Callable[[Sample], list[str]]) -> None:
        self._count = len(samples)
        corpus = [tokens(sample) for sample in samples]
        self._vocabulary = sorted({token for each in corpus for token in each})
        self._bm25: Any = None
        if self._vocabulary:
            from bm25s import BM25  # takes over a second to import

            numbers = {token: number for number, token in enumerate(self._vocabulary)}
            self._bm25 = BM25()
            ids = [[numbers[token] for token in each] for each in corpus]
            self._bm25.index((ids, numbers), show_progress=False)

    def scores(self, query: Iterable[str]) -> list[float]:
        """Return the score of each sample; of a token that a query repeats, once is enough."""
        known = sorted(set(query).intersection(self._vocabulary))
        if not known:
            return [0.0] * self._count
        return [round(float(score), 4) for score in self._bm25.get_scores(known)]


def _rank(sample: Sample) -> tuple[bool, str, str]:
    """Return what equals are ordered by: kernels of tasks first, then by name, then by source."""
    return (not sample.ours, sample.task, sample.source)
