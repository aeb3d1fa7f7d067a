from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evo.candidate import Spend
from evo.errors import SettingsError
from evo.evaluation import Status
from evo.proposing import SEED_OPERATOR
from evo.protocols import Portfolio
from operators.bandit import Bandit, BanditSettings, Currency
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


def paid(portfolio: Bandit, operator: str, gained: float, spend: Spend) -> None:
    made = individual(operator=operator, status=Status.PASSED if gained else Status.WRONG, speedup=gained)
    candidate = msgspec.structs.replace(made.candidate, spend=spend)
    portfolio.credit(msgspec.structs.replace(made, candidate=candidate), PARENTS)


@pytest.mark.parametrize(
    ("currency", "dear"),
    [
        ("evaluations", Spend()),
        ("tokens", Spend(tokens_in=90_000, tokens_out=10_000)),
        ("dollars", Spend(dollars=1.0)),
    ],
)
def test_gains_are_put_in_relation_to_what_they_cost(currency: Currency, dear: Spend):
    """Two operators gain alike; what costs a hundred times as much is asked less, if that is what counts."""
    rng = random.Random(3)
    portfolio = Bandit({}, BanditSettings(currency=currency))
    for place in range(60):
        gained = 0.2 * (place % 3 == 0)
        paid(portfolio, "cheap", gained, Spend())
        paid(portfolio, "dear", gained, dear)
    asked = Counter(portfolio.choose(rng, ["cheap", "dear"]) for _ in range(600))
    if currency == "evaluations":
        assert 200 < asked["cheap"] < 400
    else:
        assert asked["cheap"] > 480


def test_what_gains_enough_for_its_price_is_asked_for_all_that():
    rng = random.Random(4)
    portfolio = Bandit({}, BanditSettings(currency="tokens"))
    for place in range(60):
        paid(portfolio, "cheap", 0.001 * (place % 2), Spend())
        paid(portfolio, "dear", 1.0 * (place % 2), Spend(tokens_in=6_000))
    assert Counter(portfolio.choose(rng, ["cheap", "dear"]) for _ in range(600))["dear"] > 480


def test_prices_change_nothing_where_evaluations_count():
    draws = []
    for spend in (Spend(), Spend(tokens_out=10**9, dollars=1e6)):
        portfolio = Bandit({})
        for place in range(40):
            paid(portfolio, "ab"[place % 2], 0.1 * (place % 3), spend)
        draws.append([portfolio.choose(random.Random(key), "ab") for key in range(200)])
    assert draws[0] == draws[1]


def test_what_has_no_parents_gains_what_it_has_over_the_best_before_it():
    shares = []
    for step in (0.1, 0.0):
        portfolio, rng = Bandit({}), random.Random(5)
        portfolio.credit(individual(operator=SEED_OPERATOR, speedup=1.0), [])
        for place in range(20):
            portfolio.credit(individual(operator="generate", speedup=1.0 + step * place), [])
            credited(portfolio, "other", 0.01 * (place % 2))
        drawn = Counter(portfolio.choose(rng, ["generate", "other"]) for _ in range(400))
        shares.append(drawn["generate"] / 400)
    assert shares[0] > 0.7
    assert shares[1] < 0.3, "from nothing to what was known is no gain"


@pytest.mark.parametrize("value", [0.0, -1.0, float("inf"), float("nan")])
def test_an_evaluation_must_cost_something(value: float):
    with pytest.raises(
        SettingsError, match=rf"operators\.bandit\.evaluation must be positive.*, got {value}"
    ):
        BanditSettings(evaluation=value)
