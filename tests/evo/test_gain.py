from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from evo.evaluation import Status
from evo.gain import PROGRESS, gain
from tests.operators.individuals import individual

STATUSES = st.sampled_from(list(Status))
SPEEDUPS = st.floats(-20, 20)
INDIVIDUALS = st.builds(
    lambda status, speedup: individual(status=status, speedup=speedup), STATUSES, SPEEDUPS
)


def test_the_gain_is_over_the_fastest_parent():
    parents = [individual(speedup=0.5), individual(speedup=1.0), individual(status=Status.WRONG)]
    assert gain(individual(speedup=1.5), parents) == 0.5
    assert gain(individual(speedup=0.9), parents) == 0
    assert gain(individual(status=Status.WRONG), parents) == 0


def test_progress_counts_where_no_parent_passed():
    broken = [individual(status=Status.REJECTED), individual(status=Status.COMPILE_ERROR)]
    further, passed = (
        gain(individual(status=Status.WRONG), broken),
        gain(individual(speedup=3.0), broken),
    )
    assert 0 < further < passed < PROGRESS
    assert gain(individual(status=Status.REJECTED), broken) == 0


def test_repeats_and_what_has_no_parents_gain_nothing():
    slow = [individual(speedup=-5.0)]
    assert gain(individual(status=Status.DUPLICATE), slow) == 0
    assert gain(individual(status=Status.DUPLICATE), [individual(status=Status.MALFORMED)]) == 0
    assert gain(individual(speedup=5.0), []) == 0


@given(INDIVIDUALS, st.lists(INDIVIDUALS, max_size=3))
def test_a_gain_is_finite_and_never_a_loss(child, parents):
    assert 0 <= gain(child, parents) < math.inf
