"""What is looked up of single candidates: source, feedback, measurements, resources, prompts and replies."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from evo.candidate import Spend
from evo.journal import JournalReader
from evo.records import Evaluated
from experiments.report.fates import Call, RunTold
from experiments.report.packing import Lines, batches, filled, packed
from operators.llm.contract import Reply, Request

SOURCES = 3_000_000
"""Bytes that all sources, verdicts and feedback may take, packed."""

LETTERS = 1_200_000
"""Bytes that all prompts and replies may take, packed."""

Text = Callable[[str], str]


class Packed(msgspec.Struct, frozen=True, kw_only=True):
    """Details of candidates, packed; `places` says in which package each candidate is.

    Attributes:
        packages: base64 of deflated JSON, each `{"lines": [...], "of": {number: details}}`.
        places: index of the package by candidate; those left out have none.
    """

    packages: tuple[str, ...]
    places: dict[int, int]


def verdicts(journal: JournalReader, numbers: Sequence[int], redact: Text, budget: int = SOURCES) -> Packed:
    """Return what candidates are and how they fared, the first numbers before the others.

    Raises:
        JournalError: the journal cannot be read.
    """

    def details(number: int, lines: Lines) -> dict[str, Any]:
        told = journal.told(number)[-1]
        return _verdict(told, lines, journal)

    return _pack(numbers, details, redact, budget)


def letters(
    journal: JournalReader, run: RunTold, numbers: Sequence[int], redact: Text, budget: int = LETTERS
) -> Packed:
    """Return what models were asked and answered for candidates, the first numbers before the others.

    Raises:
        JournalError: the journal cannot be read.
    """

    def details(number: int, lines: Lines) -> dict[str, Any]:
        return {"calls": [_letter(call, lines, journal, redact) for call in run.calls[number]]}

    return _pack([each for each in numbers if each in run.calls], details, redact, budget)


def _pack(
    numbers: Sequence[int], details: Callable[[int, Lines], dict[str, Any]], redact: Text, budget: int
) -> Packed:
    """Return the details of as many candidates as the budget holds, nothing secret in any line."""
    groups = list(batches(numbers))

    def package(group: Iterable[int]) -> str:
        lines = Lines()
        told = {str(number): details(number, lines) for number in group}
        return packed({"lines": [redact(line) for line in lines.table], "of": told})

    packages = tuple(filled(map(package, groups), budget))
    places = {number: at for at, group in enumerate(groups[: len(packages)]) for number in group}
    return Packed(packages=packages, places=places)


def _verdict(told: Evaluated, lines: Lines, journal: JournalReader) -> dict[str, Any]:
    evaluation = told.evaluation
    cost = evaluation.cost
    return {
        "source": None if told.kernel is None else lines.runs(journal.kernel(told.kernel).source),
        "feedback": lines.runs(evaluation.feedback) if evaluation.feedback else None,
        "checks": [evaluation.checks_passed, evaluation.checks_total],
        "times": [
            [each.workload, *map(_short, (each.latency_ms, each.low_ms, each.high_ms)), each.samples]
            for each in evaluation.measurements
        ],
        "resources": [
            [each.kernel, each.registers, each.spills, each.shared_bytes, each.warps,
             _short(each.occupancy), each.bound]
            for each in evaluation.resources
        ],
        "cost": [_short(each) for each in (cost.cpu_seconds, cost.wall_seconds, cost.gpu_seconds)],
        "cached": evaluation.cached,
    }  # fmt: skip


def _letter(call: Call, lines: Lines, journal: JournalReader, redact: Text) -> dict[str, Any]:
    """Return a request and its reply; what was not written by this version is shown as it is."""
    request, reply = journal.blob(call.request), journal.blob(call.reply)
    messages: list[tuple[str, str]]
    try:
        messages = [(each.role, each.content) for each in msgspec.json.decode(request, type=Request).messages]
    except msgspec.DecodeError:
        messages = [("request", request.decode(errors="replace"))]
    try:
        answer = msgspec.json.decode(reply, type=Reply)
    except msgspec.DecodeError:
        answer = Reply(text=reply.decode(errors="replace"))
    return {
        "model": call.model,
        "asked": [[role, lines.runs(content)] for role, content in messages],
        "answered": lines.runs(answer.text),
        "ended": redact(f"{answer.finish}: {answer.reason}" if answer.reason else str(answer.finish)),
        "spend": _spent(call.spend),
    }


def _spent(spend: Spend) -> list[float]:
    return [spend.tokens_in, spend.tokens_out, spend.dollars]


def _short(figure: float) -> float:
    """Return a figure to five places, which is more than anybody reads."""
    return float(f"{figure:.5g}")
