"""Operators make nothing twice: not what was settled, and not in one generation."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from evo.candidate import Kernel
from evo.objective import Individual
from evo.protocols import Draft, Malformed, Operator
from evo.syntax import syntax_digest
from operators.crossover import Crossover
from operators.rewrite_operator import RewriteOperator
from operators.rewrites.launch_options import LaunchOptions
from operators.rewrites.reciprocal import Reciprocal
from operators.rewrites.tiles import Tiles
from operators.settings import OperatorSettings, build_operators, build_portfolio
from operators.settled import Settled
from operators.tune import Tune
from tests.operators.individuals import individual, proposal
from tests.operators.kernels import SOFTMAX
from tests.standins import synthetic_task

TASK = synthetic_task()
PARENT = individual(SOFTMAX)
OTHER = individual(SOFTMAX.replace("BLOCK=256, num_warps=4", "BLOCK=1024, num_warps=8"), number=1)


def made(operator: Operator, key: int = 1, turn: int = 0) -> Draft | Malformed:
    asked = msgspec.structs.replace(proposal(key + turn), turn=turn, first_key=key if turn else None)
    return asyncio.run(operator.propose(asked, [PARENT, OTHER][: operator.arity], TASK))


def settled(kernel: Kernel, number: int = 2) -> Individual:
    plain = individual(kernel.source, number=number)
    candidate = msgspec.structs.replace(plain.candidate, syntax=syntax_digest(kernel.source))
    return msgspec.structs.replace(plain, candidate=candidate)


def test_a_rewrite_goes_through_all_that_is_new_and_then_does_not_apply():
    operator = RewriteOperator(Tiles(), second_step=0.0)
    seen: list[Kernel] = []
    while operator.applies([PARENT], TASK):
        draft = made(operator)
        assert isinstance(draft, Draft)
        assert draft.kernel not in seen
        seen.append(draft.kernel)
        operator.observe(settled(draft.kernel, len(seen)))
    assert len(seen) == 4  # halved, doubled, quartered and four times as large
    assert isinstance(made(operator), Draft)  # asked all the same, it makes what there is


def test_what_another_made_counts_comments_and_local_names_aside():
    operator = RewriteOperator(Reciprocal(), second_step=0.0)
    draft = made(operator)
    assert isinstance(draft, Draft)
    noted = "# a note\n" + draft.kernel.source
    operator.observe(settled(Kernel(noted)))
    assert not operator.applies([PARENT], TASK)


def test_kernels_without_an_identity_are_passed_over():
    known = Settled()
    known.note(PARENT)
    assert PARENT.candidate.syntax is None
    assert Kernel(SOFTMAX) not in known


def test_one_set_serves_all_rewrites_of_a_run():
    operators = build_operators(OperatorSettings(), "hip")
    portfolio = build_portfolio(OperatorSettings(), operators)
    draft = made(operators["reciprocal"])
    assert isinstance(draft, Draft)
    assert operators["reciprocal"].applies([PARENT], TASK)
    portfolio.credit(settled(draft.kernel), [PARENT])
    assert not operators["reciprocal"].applies([PARENT], TASK)


@pytest.mark.parametrize(
    "operator",
    [
        RewriteOperator(Tiles(), 0.0),
        RewriteOperator(LaunchOptions("hip"), 0.0),
        Tune("hip"),
        Crossover("hip"),
    ],
    ids=lambda operator: operator.name,
)
def test_turns_of_one_order_make_different_kernels(operator):
    turns = 4 if operator.arity == 1 else 2  # the two parents differ in a tile and in an option
    for key in range(20):
        drafts = [made(operator, key, turn) for turn in range(turns)]
        assert len({each.kernel for each in drafts if isinstance(each, Draft)}) == turns
