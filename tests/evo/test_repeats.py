"""Repeats: who was the first with a kernel or a plan."""

from __future__ import annotations

import msgspec

from evo.candidate import Candidate, Kernel, Proposal
from evo.evaluation import Evaluation, Status
from evo.making import malformed
from evo.repeats import Repeats
from tests.standins import DEVICE, SOURCE, kernel_of, verdict


def candidate(number: int, kernel: Kernel | None) -> Candidate:
    proposal = Proposal(number=number, operator="step", parents=(), generation=1, key=0)
    return Candidate(proposal=proposal, kernel=kernel)


def settle_all(told: list[tuple[Kernel | None, Evaluation]]) -> list[int | None]:
    repeats = Repeats()
    return [
        repeats.settle(candidate(number, kernel), evaluation).duplicate_of
        for number, (kernel, evaluation) in enumerate(told)
    ]


def test_a_repeat_of_a_repeat_refers_to_the_first_of_all():
    first, other, third = kernel_of(1, plan="p"), kernel_of(2, plan="p"), kernel_of(3, plan="q")
    timed_out = verdict(kernel_of(2, status=Status.TIMEOUT))
    told = [(first, verdict(first)), (other, verdict(other)), (other, timed_out), (third, verdict(third))]
    assert settle_all(told) == [None, 0, 0, None]


def test_kernels_that_never_got_a_plan_repeat_by_their_source():
    broken, alike = kernel_of(1, status=Status.CRASHED), kernel_of(2, status=Status.CRASHED)
    told = [(kernel, verdict(kernel)) for kernel in (broken, alike, broken)]
    assert settle_all(told) == [None, None, 0]


def test_malformed_candidates_repeat_nothing():
    evaluation = malformed(candidate(0, None), SOURCE, DEVICE)
    assert settle_all([(None, evaluation), (None, evaluation)]) == [None, None]


def test_a_repeat_keeps_what_is_known_of_it_but_its_latencies():
    kernel = kernel_of(5)
    repeats = Repeats()
    repeats.settle(candidate(0, kernel), verdict(kernel))
    repeat = repeats.settle(candidate(1, kernel), verdict(kernel))
    assert repeat == verdict(kernel).as_duplicate_of(0)
    assert repeat.measurements == ()
    assert msgspec.json.decode(msgspec.json.encode(repeat), type=Evaluation) == repeat
