from __future__ import annotations

import asyncio
import logging
import random
import re
from collections.abc import Sequence
from itertools import product
from math import log2

import libcst as cst
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evo.evaluation import Status
from evo.objective import Individual
from evo.protocols import Draft, Malformed, Operator
from evo.task import Task
from operators.rewrites.launch_options import LaunchOptions
from operators.rewrites.one_pass import OnePass
from operators.rewrites.tiles import Tiles
from operators.rewrites.tunables import tunables
from operators.syntax.kernel_module import read_module
from operators.tune import Tune
from operators.tuning import KEPT, LATEST, Trials
from tests.contracts.operators import OperatorContract
from tests.operators.individuals import individual, proposal
from tests.operators.kernels import ADD, AUTOTUNED, FLIP, LAYER_NORM, MATMUL, SOFTMAX, sources
from tests.standins import synthetic_task

TASK: Task = synthetic_task()
SOURCES = (SOFTMAX, FLIP, ADD, MATMUL, AUTOTUNED, LAYER_NORM)
KEYS = ("softmax_kernel.BLOCK", "softmax_kernel.num_warps", "softmax_kernel.num_stages")


def propose(operator: Operator, source: str | None, key: int) -> Draft | Malformed:
    return asyncio.run(operator.propose(proposal(key), [individual(source)], TASK))


def drafted(operator: Operator, source: str, key: int) -> str:
    draft = propose(operator, source, key)
    assert isinstance(draft, Draft)
    return draft.kernel.source


def values(source: str) -> dict[str, int]:
    return {each.key: each.value for each in tunables(read_module(cst.parse_module(source)), "cuda")}


def having(block: int, warps: int, stages: int = 3) -> str:
    return SOFTMAX.replace("BLOCK=256, num_warps=4", f"BLOCK={block}, num_warps={warps}, num_stages={stages}")


def speedup(source: str) -> float:
    """Return a log2 speed-up that is best, at 0, for blocks of 2048, 8 warps and 2 stages."""
    given = dict(re.findall(r"(\w+)=(\d+)", source))
    return quality(int(given["BLOCK"]), int(given["num_warps"]), int(given.get("num_stages", 3)))


def quality(block: int, warps: int, stages: int) -> float:
    return -abs(log2(block) - 11) - abs(log2(warps) - 3) - abs(stages - 2) / 2


def observed(tuned: Sequence[str]) -> Tune:
    operator = Tune("cuda")
    for number, source in enumerate(tuned):
        operator.observe(individual(source, number=number, speedup=speedup(source)))
    return operator


SETTINGS = [having(*each) for each in product((256, 1024, 8192), (4, 16), (1, 3))]


class TestContract(OperatorContract):
    @pytest.fixture(params=[0, 3, len(SETTINGS)])
    def operator(self, request: pytest.FixtureRequest) -> Operator:
        return observed(SETTINGS[: request.param])

    @pytest.fixture
    def task(self) -> Task:
        return TASK

    @pytest.fixture
    def parents(self) -> list[Individual]:
        return [individual(SOFTMAX)]


def test_settings_move_together_and_the_summary_says_which():
    draft = propose(observed(SETTINGS), SOFTMAX, 1)
    assert isinstance(draft, Draft)
    now = values(draft.kernel.source)
    moved = [f"{key} {was} -> {now[key]}" for key, was in values(SOFTMAX).items() if now[key] != was]
    assert draft.summary == f"tune: {', '.join(moved)}, after {len(SETTINGS)} trials"


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(SOURCES), st.sampled_from(["cuda", "hip"]), st.integers(0, 2**64 - 1))
def test_drafts_are_new_valid_modules_of_the_same_structure(source: str, backend, key: int):
    draft = propose(Tune(backend), source, key)
    assert isinstance(draft, Draft)
    assert draft.kernel.source != source
    compile(draft.kernel.source, "kernel", "exec")
    trials = Trials(backend)
    trials.note(draft.kernel, 1.0)
    assert [trial.worth for trial in trials.of(individual(source).candidate.kernel)] == [1.0]


def test_what_was_tried_is_not_drawn_again():
    operator, seen, source = Tune("cuda"), {SOFTMAX}, SOFTMAX
    for key in range(15):
        source = drafted(operator, source, key)
        assert source not in seen
        operator.observe(individual(source, status=[Status.PASSED, Status.DUPLICATE, Status.WRONG][key % 3]))
        seen.add(source)


def test_a_kernel_of_which_all_was_tried_is_given_up():
    source = SOFTMAX.replace("num_warps=4", "**options").replace("BLOCK=256", "BLOCK=n_cols")
    assert not Tune("cuda").applies([individual(source)], TASK)
    two = source.replace("BLOCK=n_cols", "BLOCK=min(n_cols, 32)")
    operator = Tune("cuda")
    for exponent in range(4, 17):
        operator.observe(individual(two.replace("n_cols, 32", f"n_cols, {2**exponent}")))
    assert isinstance(propose(operator, two, 1), Malformed)


def test_what_is_known_depends_on_the_individuals_and_their_order_alone():
    asked, resumed = Tune("cuda"), Tune("cuda")
    for number, source in enumerate(SETTINGS):
        propose(asked, source, number)
        for operator in (asked, resumed):
            operator.observe(individual(source, number=number, speedup=speedup(source)))
    assert [propose(asked, SOFTMAX, key) for key in range(5)] == [
        propose(resumed, SOFTMAX, key) for key in range(5)
    ]


def test_it_finds_good_settings_sooner_than_chance():
    rounds, won = 20, 0
    choices = [tunable.choices for tunable in tunables(read_module(cst.parse_module(SOFTMAX)), "cuda")]
    for key in range(4):
        operator, rng = Tune("cuda"), random.Random(key)
        learnt = []
        for number in range(rounds):
            source = drafted(operator, SOFTMAX, 1_000 * key + number)
            learnt.append(speedup(source))
            operator.observe(individual(source, number=number, speedup=learnt[-1]))
        drawn = [quality(*map(rng.choice, choices)) for _ in range(rounds)]
        won += sum(learnt[10:]) > sum(drawn[10:])
    assert won >= 3


def test_settings_that_fail_are_avoided():
    rng, operator = random.Random(0), Tune("cuda")
    for number in range(40):
        source = having(rng.choice((256, 1024, 4096, 16384)), rng.choice((2, 4, 8)))
        fits = values(source)[KEYS[0]] <= 1024
        status = Status.PASSED if fits else Status.OUT_OF_RESOURCES
        operator.observe(individual(source, number=number, status=status))
    blocks = [values(drafted(operator, SOFTMAX, key))[KEYS[0]] for key in range(30)]
    assert sum(block <= 2048 for block in blocks) >= 21


def test_structures_are_told_apart_and_settings_are_not():
    trials = Trials("hip")
    whole, _, running = sources(OnePass(), SOFTMAX).values()
    alike = [*sources(Tiles(), SOFTMAX).values(), *sources(LaunchOptions("hip"), SOFTMAX).values()]
    reordered = SOFTMAX.replace("BLOCK=256, num_warps=4", "num_warps=8, BLOCK=512, waves_per_eu=1")
    commented = SOFTMAX.replace("# Pass 1: the largest element.", "# The largest element")
    digits = SOFTMAX.replace("row_sum = 0.0", "row_sum = 1.0")
    kernels = {
        name: individual(source).candidate.kernel
        for name, source in {"seed": SOFTMAX, "whole": whole, "running": running, "digits": digits}.items()
    }
    for source in (*alike, reordered, commented):
        trials.note(individual(source).candidate.kernel, 1.0)
    assert len(trials.of(kernels["seed"])) == len(alike) + 2
    assert [trials.of(kernels[name]) for name in ("whole", "running", "digits")] == [[], [], []]


def test_the_oldest_trials_are_forgotten_whenever_the_others_are_asked_for():
    asked, resumed = Trials("cuda"), Trials("cuda")
    kernel, other = (individual(source).candidate.kernel for source in (SOFTMAX, FLIP))
    for number in range(KEPT + 10):
        for trials in (asked, resumed):
            trials.note(kernel if number < 20 or number % 50 == 0 else other, float(number))
        if number % 1_000 == 0:
            asked.of(kernel)
    kept = [trial.worth for trial in resumed.of(kernel)]
    assert kept == [*range(10, 20), *range(50, KEPT + 10, 50)]
    assert [trial.worth for trial in asked.of(kernel)] == kept
    assert len(resumed.of(other)) == LATEST


@pytest.mark.parametrize("source", [None, "def broken(:\n", "f() = 1\n", "x = 1\n", ""])
def test_parents_with_nothing_to_set_are_refused(source: str | None):
    operator = Tune("hip")
    operator.observe(individual(source, status=Status.WRONG))
    assert not operator.applies([individual(source)], TASK)
    assert isinstance(propose(operator, source, 1), Malformed)
    assert not operator.applies([], TASK)


def test_studies_are_created_in_silence(caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.DEBUG):
        propose(observed(SETTINGS), SOFTMAX, 1)
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
