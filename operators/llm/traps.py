"""Traps: a fault that repair after repair leaves as it was, and when to stop repairing."""

from __future__ import annotations

import re
from collections.abc import Container

import msgspec

from evo.evaluation import Stage, Status
from evo.objective import Individual
from evo.selection import UNFIT
from operators.llm.attempts import AFRESH, REFLECT, kind_of

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
SEVERAL = re.compile(r"#(?:[\s,]+#)*,?")
TURNS = 3
"""Repairs in a row after which faults that take turns are a trap, in multiples of what one is worth."""
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
    return " ".join(SEVERAL.sub("#", text).replace("#", " # ").split())[:LONGEST_MESSAGE]


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """Where a broken individual stands.

    Attributes:
        fault: what is wrong with it.
        root: number of the first on its line with this fault and nothing else in between.
        broken: the reflections in a row that led to it and left it broken, whatever the faults.
    """

    fault: Fault
    root: int
    broken: int


class Traps:
    """Counts repairs that changed nothing. It is told of every settled individual: a fold of those alone.

    From a root, all repairs count that left its fault as it was, one after the other or side by side, and so
    do those of which there came no new kernel. Between faults that take turns, repairs in a row count.
    """

    def __init__(self, repairs: int) -> None:
        """Take how many repairs one fault is worth."""
        self._repairs = repairs
        self._lines: dict[int, Line] = {}
        self._tries: dict[int, list[int]] = {}

    def note(self, individual: Individual) -> None:
        """Take note of a settled individual; one that was noted before changes nothing."""
        number, fault = individual.number, fault_of(individual)
        if fault is None or number in self._lines:
            return
        parents = individual.candidate.proposal.parents
        before = self._lines.get(parents[0]) if parents else None
        reflected = kind_of(individual) == REFLECT
        unfit = individual.evaluation.status in UNFIT
        root = before.root if before and (unfit or before.fault == fault) else number
        if reflected and before and root == before.root:
            self._try(root, number)
        if not unfit:
            again = before is not None and reflected and not individual.candidate.summary.startswith(AFRESH)
            broken = before.broken + 1 if before and again else 0
            self._lines[number] = Line(fault=fault, root=root, broken=broken)

    def abandoned(self, individual: Individual, settled: Container[int]) -> tuple[int, ...]:
        """Return the numbers of those that show a broken individual to be in a trap, oldest first.

        Nothing if it is worth another repair. What is not in `settled` is left out.
        """
        line = self._lines.get(individual.number)
        if line is None:
            return ()
        tries = [number for number in self._tries.get(line.root, ()) if number in settled]
        if len(tries) >= self._repairs:
            return (line.root, *tries)
        return (individual.number,) if line.broken >= TURNS * self._repairs else ()

    def _try(self, root: int, number: int) -> None:
        tries = self._tries.setdefault(root, [])
        if number not in tries:
            tries.append(number)
