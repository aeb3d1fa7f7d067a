"""Budgets: what they refuse and what they say."""

from __future__ import annotations

import math

import msgspec
import pytest

from evo.budget import Budget, Standing, evaluations_made, spent, stagnated
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
