from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable

import msgspec
import pytest

from evo.errors import SettingsError
from evo.protocols import Portfolio
from operators.llm.attempts import KINDS
from operators.portfolio import FixedWeights
from operators.settings import OperatorSettings, OperatorWeights, build_operators
from tests.contracts.portfolios import PortfolioContract


class TestContract(PortfolioContract):
    @pytest.fixture
    def make_portfolio(self) -> Callable[[], Portfolio]:
        return lambda: FixedWeights({"leap": 1, "mix": 2, "step": 1, "new": 1})


def test_draws_in_proportion():
    portfolio, rng = FixedWeights({"a": 3, "b": 1, "never": 0}), random.Random(0)
    drawn = Counter(portfolio.choose(rng, ["a", "b", "never"]) for _ in range(4_000))
    assert drawn["never"] == 0
    assert drawn["a"] / drawn["b"] == pytest.approx(3, rel=0.15)


def test_draws_from_the_names_given_and_the_generator_alone():
    portfolio = FixedWeights({"a": 3, "b": 1, "none": 0})
    assert portfolio.choose(random.Random(0), ["b"]) == "b"
    assert portfolio.choose(random.Random(0), ["none"]) == "none", "when nothing else can be asked"
    draws = [[portfolio.choose(random.Random(seed), ["a", "b"]) for seed in range(50)] for _ in range(2)]
    assert draws[0] == draws[1]


@pytest.mark.parametrize("weight", [-1.0, float("inf"), float("nan")])
def test_a_weight_must_be_finite_and_not_negative(weight: float):
    with pytest.raises(SettingsError, match=f"a = {weight}"):
        FixedWeights({"a": weight, "b": 1})


def test_some_weight_must_be_positive():
    with pytest.raises(SettingsError, match="at least one"):
        FixedWeights({"a": 0})
    with pytest.raises(SettingsError, match="at least one"):
        FixedWeights({})


def test_every_name_needs_a_weight():
    with pytest.raises(SettingsError, match="none for c"):
        FixedWeights({"a": 1}).choose(random.Random(0), ["a", "c"])


def test_operators_are_built_from_settings():
    asked = {name for name, weight in OperatorSettings().weights_by_name.items() if weight > 0}
    assert set(build_operators(OperatorSettings(), "hip")) == asked
    alone = OperatorWeights(**{**dict.fromkeys(asked, 0.0), "tiles": 1.0})
    built = build_operators(OperatorSettings(weights=alone), "cuda")
    assert [(name, operator.name) for name, operator in built.items()] == [("tiles", "tiles")]


def test_every_weight_has_its_operator_and_the_others_keep_their_defaults():
    weights = msgspec.convert({"tiles": 2}, OperatorWeights)
    assert weights.by_name == {**OperatorWeights().by_name, "tiles": 2.0}
    assert all(weights.by_name.values())
    every = OperatorSettings(weights=OperatorWeights(**dict.fromkeys(weights.by_name, 1.0)))
    assert list(build_operators(every, "hip")) == list(every.weights_by_name)
    assert weights.by_name.keys() - every.weights_by_name.keys() == set(KINDS), "without models"


@pytest.mark.parametrize("weight", [-1.0, float("inf"), float("nan")])
def test_settings_refuse_weights_that_cannot_be(weight: float):
    with pytest.raises(SettingsError, match=rf"operators\.weights\.one_pass must be .*, got {weight}"):
        OperatorWeights(one_pass=weight)
    with pytest.raises(SettingsError, match="at least one of"):
        OperatorWeights(**dict.fromkeys(OperatorWeights().by_name, 0.0))


def test_settings_name_backends_that_exist():
    with pytest.raises(SettingsError, match="got 'metal'"):
        build_operators(OperatorSettings(), "metal")  # type: ignore[arg-type]
