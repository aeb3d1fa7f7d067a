"""Budgets: what they refuse and what they say."""

from __future__ import annotations

import math

import msgspec
import pytest

from evo.budget import CHECKS, Budget, Standing, evaluations_made, spent, stagnated
from evo.candidate import Spend
from evo.errors import SettingsError


@pytest.mark.parametrize("name", Budget.__struct_fields__)
@pytest.mark.parametrize("limit", [0, -1, math.inf, math.nan])
def test_limits_must_be_positive_and_finite(name, limit):
    with pytest.raises(SettingsError, match=rf"budget\.{name} must be positive and finite, got"):
        Budget(**{name: limit})


def test_a_budget_read_from_data_is_checked_too():
    with pytest.raises(SettingsError, match="evaluations"):
        msgspec.convert({"evaluations": 0}, Budget)


@pytest.mark.parametrize(
    ("budget", "short", "enough", "reason"),
    [
        (Budget(evaluations=1000), {"told": 999}, {"told": 1000}, "1000 evaluations made"),
        (Budget(evaluations=1), {"told": 0}, {"told": 1}, "1 evaluation made"),
        (
            Budget(stagnant_generations=8),
            {"stagnant_generations": 7},
            {"stagnant_generations": 8},
            "no gain in 8 generations",
        ),
        (Budget(generations=3), {"generations": 2}, {"generations": 3}, "3 generations made"),
        (
            Budget(tokens=100),
            {"spend": Spend(tokens_in=60, tokens_out=39)},
            {"spend": Spend(tokens_in=60, tokens_out=52)},
            "112 of 100 tokens spent",
        ),
        (
            Budget(dollars=0.5),
            {"spend": Spend(dollars=0.499)},
            {"spend": Spend(dollars=0.5)},
            "0.5 of 0.5 dollars spent",
        ),
        (
            Budget(llm_calls=3),
            {"spend": Spend(calls=2)},
            {"spend": Spend(calls=3)},
            "3 of 3 LLM calls made",
        ),
        (
            Budget(gpu_seconds=1.5),
            {"gpu_seconds": 1.4},
            {"gpu_seconds": 1.6},
            "1.6 of 1.5 GPU seconds used",
        ),
        (
            Budget(stagnant_evaluations=40),
            {"stagnant_evaluations": 39},
            {"stagnant_evaluations": 40},
            "no gain in 40 evaluations",
        ),
        (Budget(target_speedup=2.0), {"speedup": 1.99}, {"speedup": 2.0}, "target speed-up 2.0x reached"),
        (
            Budget(wall_seconds=60),
            {"active_seconds": 59.9},
            {"active_seconds": 60.0},
            "wall time of 60 s used",
        ),
    ],
)
def test_reasons(budget, short, enough, reason):
    assert spent(budget, Standing(**short)) is None
    assert spent(budget, Standing(**enough)) == reason
    assert spent(Budget(), Standing(**enough)) is None


def test_checks_compose():
    budget, standing = Budget(evaluations=1, stagnant_generations=1), Standing(told=1, stagnant_generations=1)
    assert spent(budget, standing, [stagnated, evaluations_made]) == "no gain in 1 generation"
    assert spent(budget, standing, [evaluations_made]) == "1 evaluation made"
    assert spent(budget, standing, []) is None


def test_every_limit_has_a_rule():
    assert len(CHECKS) == len(Budget.__struct_fields__)


@pytest.mark.parametrize(
    "amount",
    [
        {"tokens_in": -1},
        {"tokens_out": -1},
        {"calls": -1},
        {"dollars": -0.1},
        {"dollars": math.inf},
        {"dollars": math.nan},
    ],
)
def test_a_spend_is_finite_and_not_negative(amount):
    with pytest.raises(ValueError, match="finite and not negative, got Spend"):
        Spend(**amount)


def test_spends_add_up():
    one = Spend(tokens_in=3, tokens_out=4, dollars=0.25, calls=2)
    assert one.at_least(Spend(calls=3)) == msgspec.structs.replace(one, calls=3)
    assert (one + one, (one * 2).tokens, one * 0) == (one * 2, 14, Spend())
