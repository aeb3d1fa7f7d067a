"""Traps: a fault that repair after repair leaves as it was, and when to stop repairing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import islice

import msgspec

from evo.evaluation import Stage, Status
from evo.objective import Individual
from operators.llm.lines import line_of

QUOTED = re.compile(r"\bat \d+:\d+:\n(?:.*\n)*?[ \t]*\^+[ \t]*(?:\n|$)|\(at line \d+: [^\n]*\)")
"""The pieces of source that Triton and the capture room show beside what is wrong with them."""
NOISE = (
    re.compile(r"/[\w./-]+"),
    re.compile(r"%\w+"),
    re.compile(r"\b0x[0-9a-f]+\b"),
    re.compile(r"[-+]?\d*\.?\d+(?:e[-+]?\d+)?"),
    re.compile(r"\b(?:nan|inf)\b"),
)
"""What differs between two messages of one fault: paths, values of the IR, addresses, numbers."""
LONGEST_FEEDBACK, LONGEST_MESSAGE = 4_000, 300


class Fault(msgspec.Struct, frozen=True):
    """What is wrong with a broken kernel, as far as it tells one fault from another.

    Attributes:
        status, stage: how and where its evaluation ended.
        message: the feedback without what changes from one kernel to the next.
    """

    status: Status
    stage: Stage
    message: str


def fault_of(individual: Individual) -> Fault | None:
    """Return the fault of a broken individual; None of one that passed."""
    evaluation = individual.evaluation
    if evaluation.passed:
        return None
    return Fault(evaluation.status, evaluation.stage, normalised(evaluation.feedback))


def normalised(feedback: str) -> str:
    """Return a message without numbers, addresses, paths, names of temporaries and quoted source."""
    text = QUOTED.sub("", feedback[:LONGEST_FEEDBACK]).lower()
    for noise in NOISE:
        text = noise.sub("#", text)
    return " ".join(text.replace("#", " # ").split())[:LONGEST_MESSAGE]


def trapped(
    individual: Individual, individuals: Mapping[int, Individual], repairs: int
) -> tuple[Individual, ...]:
    """Return the line that cannot be repaired, from its first kernel on; nothing if a repair is due.

    That is so once as many repairs in a row as `repairs` left the fault as it was, each made from the one
    before. Whatever made them counts as a repair; the first kernel with the fault need not have had a
    parent that passed.
    """
    fault = fault_of(individual)
    if fault is None:
        return ()
    row = [individual]
    for ancestor in islice(line_of(individual, individuals), repairs):
        if fault_of(ancestor) != fault:
            return ()
        row.append(ancestor)
    return tuple(reversed(row)) if len(row) > repairs else ()
