from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evo.errors import SettingsError
from evo.evaluation import Status
from evo.proposing import SEED_OPERATOR
from evo.protocols import Portfolio
from operators.bandit import Bandit, BanditSettings
from tests.contracts.portfolios import PortfolioContract
from tests.operators.individuals import individual

SEEDS = range(40)
PARENTS = [individual()]


class TestContract(PortfolioContract):
    @pytest.fixture
    def make_portfolio(self) -> Callable[[], Portfolio]:
        return lambda: Bandit({"leap": 1, "mix": 2})


def credited(portfolio: Bandit, operator: str, gained: float) -> None:
    status = Status.PASSED if gained > 0 else Status.WRONG
    portfolio.credit(individual(operator=operator, status=status, speedup=gained), PARENTS)


def simulate(
    portfolio: Bandit, rng: random.Random, chances: Mapping[str, float], rounds: int, batch: int = 8
) -> Counter[str]:
    """Ask in batches, as a generation does; each operator gains with a chance of its own."""
    asked: Counter[str] = Counter()
    for _ in range(rounds // batch):
        names = [portfolio.choose(rng, sorted(chances)) for _ in range(batch)]
        asked.update(names)
        for name in names:
            credited(portfolio, name, rng.expovariate(5.0) if rng.random() < chances[name] else 0.0)
    return asked


def test_the_better_of_two_operators_is_asked_more():
    shares = []
    for seed in SEEDS:
        asked = simulate(Bandit({}), random.Random(seed), {"good": 0.3, "poor": 0.05}, 400)
        shares.append(asked["good"] / asked.total())
    assert sum(share > 0.5 for share in shares) >= 36
    assert sorted(shares)[len(shares) // 2] > 0.65


def test_operators_that_gain_alike_are_asked_alike():
    total: Counter[str] = Counter()
    for seed in SEEDS:
        total += simulate(Bandit({}), random.Random(seed), {"one": 0.2, "other": 0.2}, 200)
    assert total["one"] / total.total() == pytest.approx(0.5, abs=0.08)


def test_a_switch_is_followed():
    followed = 0
    for seed in SEEDS:
        portfolio, rng = Bandit({}), random.Random(seed)
        simulate(portfolio, rng, {"first": 0.3, "second": 0.02}, 400)
        simulate(portfolio, rng, {"first": 0.02, "second": 0.3}, 200)
        asked = simulate(portfolio, rng, {"first": 0.02, "second": 0.3}, 200)
        followed += asked["second"] > asked["first"]
    assert followed >= 36


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 30)), max_size=60), st.floats(0.05, 0.5))
def test_none_starves_whatever_was_credited(credits: list[tuple[str, float]], floor: float):
    portfolio = Bandit({"a": 1, "b": 1, "c": 1}, BanditSettings(floor=floor))
    for operator, gained in credits:
        credited(portfolio, operator, gained)
    rng = random.Random(0)
    asked = Counter(portfolio.choose(rng, "abc") for _ in range(1_500))
    assert all(asked[name] >= 1_500 * floor / 3 * 0.4 for name in "abc")


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 30)), max_size=40))
def test_the_state_is_a_fold_of_the_credits(credits: list[tuple[str, float]]):
    asked, resumed = Bandit({}), Bandit({})
    for place, (operator, gained) in enumerate(credits):
        asked.choose(random.Random(place), "abc")
        credited(asked, operator, gained)
        credited(resumed, operator, gained)
    draws = [[each.choose(random.Random(key), "abc") for key in range(30)] for each in (asked, resumed)]
    assert draws[0] == draws[1]


def test_what_makes_repeats_only_is_asked_less():
    portfolio = Bandit({})
    for _ in range(40):
        credited(portfolio, "new", 0.1)
        portfolio.credit(individual(operator="repeats", status=Status.DUPLICATE), PARENTS)
    rng = random.Random(1)
    assert Counter(portfolio.choose(rng, ["new", "repeats"]) for _ in range(400))["new"] > 300


def test_the_unit_of_the_gains_does_not_matter():
    draws = []
    for unit in (1e-6, 1.0, 16.0):
        portfolio = Bandit({})
        for place in range(50):
            credited(portfolio, "ab"[place % 2], unit * (1 + place % 3) * (place % 2))
        draws.append([portfolio.choose(random.Random(key), "ab") for key in range(100)])
    assert draws[0] == draws[1] == draws[2]


def test_the_seed_and_no_gain_at_all_leave_the_weights():
    portfolio = Bandit({"a": 3, "b": 1})
    portfolio.credit(individual(operator=SEED_OPERATOR), [])
    for _ in range(5):
        credited(portfolio, "a", 0.0)
    rng = random.Random(0)
    asked = Counter(portfolio.choose(rng, "ab") for _ in range(4_000))
    assert asked["a"] / asked["b"] == pytest.approx(3, rel=0.15)


@pytest.mark.parametrize("value", [-0.5, 0.0, 1.5, float("nan")])
def test_settings_refuse_what_cannot_be(value: float):
    with pytest.raises(SettingsError, match=rf"operators\.bandit\.discount .*, got {value}"):
        BanditSettings(discount=value)
    with pytest.raises(SettingsError, match=rf"operators\.bandit\.floor .*, got {value}"):
        BanditSettings(floor=value)
