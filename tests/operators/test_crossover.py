from __future__ import annotations

import asyncio

import libcst as cst
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evo.objective import Individual
from evo.protocols import Draft, Malformed, Operator
from evo.task import Task
from operators.crossings import crossings, parts_of
from operators.crossover import Crossover
from operators.rewrites.launch_options import LaunchOptions
from operators.rewrites.one_pass import OnePass
from operators.rewrites.tiles import Tiles
from tests.contracts.operators import OperatorContract
from tests.operators.individuals import individual, proposal
from tests.operators.kernels import ADD, AUTOTUNED, FLIP, LOG_SOFTMAX, MATMUL, SOFTMAX, changed, sources
from tests.standins import synthetic_task

TASK: Task = synthetic_task()
WHOLE, _, RUNNING = sources(OnePass(), SOFTMAX).values()
WIDE = RUNNING.replace("BLOCK=256, num_warps=4", "BLOCK=1024, num_warps=8")
POOL = [
    SOFTMAX,
    WHOLE,
    RUNNING,
    WIDE,
    FLIP,
    MATMUL,
    LOG_SOFTMAX,
    *list(sources(Tiles(), SOFTMAX).values())[:2],
    *list(sources(Tiles(), MATMUL).values())[:3],
    *list(sources(LaunchOptions("hip"), WIDE).values())[:3],
    *sources(OnePass(), LOG_SOFTMAX).values(),
]


def crossed(taker: str, giver: str) -> dict[str, str]:
    """Return what the taker becomes, by what it took."""
    one, other = (parts_of(cst.parse_module(source), "hip") for source in (taker, giver))
    return {variant.summary: variant.source() for variant in crossings(one, other)}


def propose(operator: Operator, parents: list[Individual], key: int) -> Draft | Malformed:
    return asyncio.run(operator.propose(proposal(key), parents, TASK))


class TestContract(OperatorContract):
    @pytest.fixture
    def operator(self) -> Operator:
        return Crossover("cuda")

    @pytest.fixture
    def task(self) -> Task:
        return TASK

    @pytest.fixture
    def parents(self) -> list[Individual]:
        return [individual(SOFTMAX, number=3), individual(WIDE, number=8)]


def test_tiles_and_launch_options_of_one_go_into_the_body_of_the_other():
    made = crossed(SOFTMAX, WIDE)
    both = "softmax_kernel.BLOCK 1024, softmax_kernel.num_warps 8"
    tile, option = both.split(", ")
    assert list(made) == [both, tile, option, "body of softmax_kernel"]
    launch = "softmax_kernel[(n_rows,)](x, out, n_cols, BLOCK={}, num_warps={})"
    for summary, sizes in {both: (1024, 8), tile: (1024, 4), option: (256, 8)}.items():
        assert changed(SOFTMAX, made[summary]) == ["-" + launch.format(256, 4), "+" + launch.format(*sizes)]


def test_a_body_goes_over_by_its_name_and_the_launch_stays():
    assert crossed(SOFTMAX, WIDE)["body of softmax_kernel"] == RUNNING
    assert crossed(WIDE, SOFTMAX)["body of softmax_kernel"] == SOFTMAX.replace(
        "BLOCK=256, num_warps=4", "BLOCK=1024, num_warps=8"
    )


def test_an_option_that_one_leaves_to_its_default_goes_over_too():
    given = FLIP.replace("num_warps=4", "num_warps=4, waves_per_eu=2")
    assert crossed(FLIP, given) == {"flip_kernel.waves_per_eu 2": given}
    assert "waves_per_eu=0" in crossed(given, FLIP)["flip_kernel.waves_per_eu 0"]


def test_a_grid_moves_with_the_tile_that_it_repeats():
    given = ADD.replace("512", "128")
    assert crossed(ADD, given) == {"add_kernel.BLOCK 128": given}


def test_functions_go_over_each_by_itself_and_all_together():
    given = MATMUL.replace("return tl.dot(a, b, acc)", "return acc + tl.dot(a, b)  # apart")
    assert crossed(MATMUL, given) == {"body of product": given}
    loop = given.replace("inner = k + tl.arange(0, 16)", "inner = tl.arange(0, 16) + k")
    made = crossed(MATMUL, loop)
    assert list(made) == ["body of product", "body of matmul_kernel", "body of product, matmul_kernel"]
    assert made["body of product"] == given
    assert made["body of product, matmul_kernel"] == loop


def test_layout_and_comments_alone_are_no_difference():
    given = MATMUL.replace("return tl.dot(a, b, acc)", "return tl.dot(\n        a, b, acc\n    )  # as is")
    assert crossed(MATMUL, given) == {}


@pytest.mark.parametrize(
    ("of", "before", "after"),
    [
        (SOFTMAX, "out_ptr, n_cols, BLOCK", "out_ptr, row_length, BLOCK"),
        (SOFTMAX, "BLOCK=256", "BLOCK=triton.next_power_of_2(n_cols)"),
        (SOFTMAX, "[(n_rows,)]", "[(min(n_rows, 304),)]"),
        (SOFTMAX, "x, out, n_cols, BLOCK=256", "*(x, out, n_cols, 256)"),
        (LOG_SOFTMAX, "1.4426950408889634", "1.44"),
        (LOG_SOFTMAX, "LOG2E", "LOG2E_"),
    ],
    ids=["parameters", "computed size", "grid", "hidden arguments", "constant", "name"],
)
def test_a_body_stays_where_the_rest_does_not_match(of: str, before: str, after: str):
    other = of.replace("tl.exp(x - row_max)", "tl.exp(-(row_max - x))").replace("s = s +", "s +=")
    assert any("body" in summary for summary in crossed(of, other))
    apart = other.replace(before, after)
    assert apart != other
    assert not any("body" in each for each in (*crossed(of, apart), *crossed(apart, of)))


def test_the_summary_says_what_came_from_whom():
    parents = [individual(SOFTMAX, number=3), individual(WIDE, number=8)]
    drafts = [propose(Crossover("cuda"), parents, key) for key in range(30)]
    said = {draft.summary for draft in drafts if isinstance(draft, Draft)}
    assert "crossover: softmax_kernel.BLOCK 1024 of 8, the rest of 3" in said
    assert "crossover: softmax_kernel.num_warps 4 of 3, the rest of 8" in said


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(POOL), st.sampled_from(POOL), st.integers(0, 2**64 - 1))
def test_children_are_new_valid_modules_and_only_of_parents_that_cross(one: str, other: str, key: int):
    operator, parents = Crossover("hip"), [individual(one, number=1), individual(other, number=2)]
    draft = propose(operator, parents, key)
    assert isinstance(draft, Draft) == operator.applies(parents, TASK)
    if isinstance(draft, Draft):
        assert draft.kernel.source not in (one, other)
        compile(draft.kernel.source, "kernel", "exec")
        assert propose(Crossover("hip"), parents, key) == draft


@pytest.mark.parametrize("other", [None, "def broken(:\n", "f() = 1\n", "", SOFTMAX, FLIP, AUTOTUNED])
def test_parents_that_share_no_part_are_refused(other: str | None):
    operator, parents = Crossover("hip"), [individual(SOFTMAX), individual(other)]
    assert not operator.applies(parents, TASK)
    assert isinstance(propose(operator, parents, 1), Malformed)
    assert not operator.applies(parents[:1], TASK)
    assert isinstance(propose(operator, parents[:1], 1), Malformed)
