from __future__ import annotations

import asyncio
from collections import Counter

import libcst as cst
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evo.candidate import Candidate, Kernel, Proposal
from evo.evaluation import Evaluation, Source, Stage, Status
from evo.objective import Individual, KernelFitness
from evo.protocols import Draft, Malformed, Operator
from evo.task import Task
from operators.rewrite_operator import RewriteOperator
from operators.rewrites.alignment_hints import AlignmentHints
from operators.rewrites.cache_hints import CacheHints
from operators.rewrites.exp2 import Exp2
from operators.rewrites.family import Rewrite
from operators.rewrites.launch_options import LaunchOptions
from operators.rewrites.loads import Loads
from operators.rewrites.one_pass import OnePass
from operators.rewrites.precision import Precision
from operators.rewrites.reciprocal import Reciprocal
from operators.rewrites.tiles import Tiles
from operators.rewrites.unmask import Unmask
from tests.contracts.operators import OperatorContract
from tests.operators.dense_kernels import ATTENTION, GELU, MASKED_MATMUL, RMS_NORM
from tests.operators.kernels import ADD, AUTOTUNED, FLIP, LAYER_NORM, LOG_SOFTMAX, MATMUL, SOFTMAX
from tests.standins import synthetic_task

FAMILIES: tuple[Rewrite, ...] = (
    Tiles(),
    LaunchOptions("cuda"),
    LaunchOptions("hip"),
    OnePass(),
    AlignmentHints(),
    CacheHints("cuda"),
    CacheHints("hip"),
    Exp2(),
    Loads(),
    Precision("cuda"),
    Precision("hip"),
    Reciprocal(),
    Unmask(),
)
SOURCES = (SOFTMAX, FLIP, ADD, MATMUL, AUTOTUNED, LAYER_NORM, LOG_SOFTMAX)
DENSE = (MASKED_MATMUL, ATTENTION, GELU, RMS_NORM)
OPERATORS = [RewriteOperator(family) for family in FAMILIES]
TASK: Task = synthetic_task()


def proposal(key: int) -> Proposal:
    return Proposal(number=1, operator="any", parents=(0,), generation=1, key=key)


def parent(source: str | None) -> Individual:
    kernel = None if source is None else Kernel(source)
    candidate = Candidate(proposal=proposal(0), kernel=kernel)
    evaluation = Evaluation(status=Status.WRONG, stage=Stage.CHECK, source=Source.MODELLED, device="none")
    return Individual(candidate=candidate, evaluation=evaluation, fitness=KernelFitness((4.0, 0.0)))


def propose(operator: RewriteOperator, source: str | None, key: int) -> Draft | Malformed:
    return asyncio.run(operator.propose(proposal(key), [parent(source)], TASK))


class TestContract(OperatorContract):
    @pytest.fixture(params=FAMILIES, ids=lambda family: family.name)
    def operator(self, request: pytest.FixtureRequest) -> Operator:
        return RewriteOperator(request.param)

    @pytest.fixture
    def task(self) -> Task:
        return TASK

    @pytest.fixture
    def parents(self, operator: Operator) -> list[Individual]:
        return [parent(RMS_NORM if operator.name == "loads" else SOFTMAX)]


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(OPERATORS), st.sampled_from([*SOURCES, *DENSE]), st.integers(0, 2**64 - 1))
def test_drafts_are_new_valid_modules_that_depend_on_the_key_alone(
    operator: RewriteOperator, source: str, key: int
):
    draft = propose(operator, source, key)
    assert isinstance(draft, Draft) == operator.applies([parent(source)], TASK)
    if isinstance(draft, Draft):
        assert draft.kernel.source != source
        assert draft.summary.startswith(f"{operator.name}: ")
        assert "\n" not in draft.summary
        compile(draft.kernel.source, "kernel", "exec")
        cst.parse_module(draft.kernel.source)
        fresh = RewriteOperator(operator._rewrite)
        assert propose(fresh, source, key) == draft


def test_every_variant_is_a_new_valid_module():
    for family in FAMILIES:
        for source in (*SOURCES, *DENSE):
            made = [variant.source() for variant in family.variants(cst.parse_module(source))]
            assert len({source, *made}) == len(made) + 1, "no two alike, none like the parent"
            for variant in made:
                compile(variant, "kernel", "exec")
                assert variant.count("#") >= source.count("#") - source.count("every"), "comments stay"


def test_steps_are_one_and_at_times_two():
    operator = RewriteOperator(Tiles())
    commas = Counter(propose(operator, SOFTMAX, key).summary.count(",") for key in range(100))
    assert set(commas) == {0, 1}
    assert 10 < commas[1] < 40
    alone = RewriteOperator(Tiles(), second_step=0.0)
    assert all(propose(alone, SOFTMAX, key).summary.count(",") == 0 for key in range(20))


def test_a_second_step_does_not_undo_the_first():
    operator = RewriteOperator(Tiles(), second_step=1.0)
    for key in range(40):
        draft = propose(operator, FLIP, key)
        assert isinstance(draft, Draft)
        assert draft.kernel.source != FLIP


DEEP = [FLIP + "\nx = " + "+".join(["1"] * 500) + "\n", FLIP + "\nx = " + "[" * 500 + "]" * 500 + "\n"]


@pytest.mark.parametrize("source", [None, "def broken(:\n", "x = 1\n", "", FLIP + "\0", *DEEP])
def test_parents_that_hold_nothing_to_rewrite_are_refused(source: str | None):
    for operator in OPERATORS[:2] if source in DEEP else OPERATORS:  # no family sees what is nested too deep
        assert not operator.applies([parent(source)], TASK)
        assert isinstance(propose(operator, source, 1), Malformed)


def test_one_parent_is_taken():
    operator = OPERATORS[0]
    assert operator.arity == 1
    assert not operator.applies([], TASK)
    assert not operator.applies([parent(FLIP), parent(FLIP)], TASK)
