"""Settings worth trying: near the best known, always among the choices, from what is given alone."""

from __future__ import annotations

import random
from itertools import islice, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operators.nearby import DRAWN, REACH, STARTING, STEPPED, Trial, nearby

CHOICES = {
    "k.BLOCK_M": tuple(2**exponent for exponent in range(4, 14)),
    "k.BLOCK_N": tuple(2**exponent for exponent in range(4, 14)),
    "k.num_warps": (1, 2, 4, 8, 16),
    "k.kpack": (1,),
}
OWN = {"k.BLOCK_M": 64, "k.BLOCK_N": 64, "k.num_warps": 4, "k.kpack": 1}
SETTINGS = st.fixed_dictionaries({key: st.sampled_from(values) for key, values in CHOICES.items()})
TRIALS = st.lists(st.builds(Trial, SETTINGS, st.none() | st.floats(-1_000, 5)), max_size=14)


def place(key: str, value: int) -> int:
    return CHOICES[key].index(value)


def apart(one: dict[str, int], other: dict[str, int]) -> list[int]:
    return [abs(place(key, value) - place(key, other[key])) for key, value in one.items()]


@settings(max_examples=20, deadline=None)
@given(own=SETTINGS, trials=TRIALS, seed=st.integers(0, 2**64 - 1))
def test_settings_are_among_the_choices_and_depend_on_what_is_given_alone(own, trials, seed):
    yielded = list(nearby(CHOICES, own, trials, random.Random(seed)))
    assert yielded == list(nearby(CHOICES, own, trials, random.Random(seed)))
    assert len(yielded) >= STEPPED + DRAWN
    for values in yielded:
        assert values.keys() == CHOICES.keys()
        assert all(value in CHOICES[key] for key, value in values.items())


@given(own=SETTINGS, seed=st.integers(0, 2**64 - 1))
def test_what_is_not_known_begins_with_steps_away_from_the_parent(own, seed):
    for values in islice(nearby(CHOICES, own, (), random.Random(seed)), STEPPED):
        assert sum(apart(own, values)) >= 1
        assert max(apart(own, values)) <= 2


@settings(max_examples=20, deadline=None)
@given(best=SETTINGS, seed=st.integers(0, 2**64 - 1), known=st.integers(0, 2 * STARTING))
def test_settings_are_near_the_best_that_is_known_of_whatever_the_parent_has(best, seed, known):
    rng = random.Random(seed)
    near = list(islice(nearby(CHOICES, best, (), rng), known))
    trials = [Trial(best, 1.0), *(Trial(values, -1_000.0 + rng.random()) for values in near)]
    for values in islice(nearby(CHOICES, OWN, trials, rng), STEPPED):
        assert max(apart(best, values)) <= REACH


def test_repeats_and_settings_of_other_tunables_teach_nothing():
    other = {**OWN, "k.num_stages": 2}
    trials = [Trial({**OWN, "k.BLOCK_M": 8192}, None), Trial(other, 4.0)]
    told, untold = (list(nearby(CHOICES, OWN, each, random.Random(1))) for each in (trials, ()))
    assert told == untold


def test_a_small_space_is_gone_through_in_the_end():
    small = {"BLOCK": (16, 32, 64), "num_warps": (4, 8)}
    own = {"BLOCK": 100, "num_warps": 3}  # what somebody wrote need not be among the choices
    drawn = {tuple(values.values()) for values in nearby(small, own, (), random.Random(0))}
    assert drawn == set(product(*small.values()))


@pytest.mark.parametrize("choices", [{"BLOCK": (16,)}, {"BLOCK": (16,), "num_warps": (4,)}])
def test_a_space_of_one_setting_has_that_one(choices):
    own = {key: values[0] for key, values in choices.items()}
    assert all(values == own for values in nearby(choices, own, (), random.Random(0)))


def test_first_settings_mostly_fit_a_device_that_the_parent_almost_fills():
    """A device holds tiles of 2 ** 14 elements; the parent has half of that; even draws fit it seldom."""
    own = {**OWN, "k.BLOCK_M": 64, "k.BLOCK_N": 128}

    def fits(values: dict[str, int]) -> bool:
        return values["k.BLOCK_M"] * values["k.BLOCK_N"] <= 2**14

    first = [next(iter(nearby(CHOICES, own, (), random.Random(key)))) for key in range(200)]
    space = [dict(zip(CHOICES, values, strict=True)) for values in product(*CHOICES.values())]
    assert sum(map(fits, space)) / len(space) < 0.5
    assert sum(map(fits, first)) / len(first) > 0.75
