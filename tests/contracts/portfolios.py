"""What every portfolio keeps to. Subclass `PortfolioContract` and give its fixture."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import pytest

from evo.objective import Individual
from evo.protocols import Portfolio
from tests.evo.driving import digest, drive
from tests.standins import synthetic_engine

NAMES = ("leap", "mix", "step")


class PortfolioContract:
    """Fixture to give: `make_portfolio`, which returns a fresh portfolio that knows of no operator yet."""

    @pytest.fixture
    def individuals(self) -> list[Individual]:
        """Settled individuals of a small search by the operators `leap`, `mix` and `step`, the seed first."""
        engine = synthetic_engine()
        drive(engine)
        return list(engine.individuals.values())

    def credit(self, portfolio: Portfolio, individual: Individual, individuals: list[Individual]) -> None:
        """Credit one of the individuals as the engine does, with its parents."""
        portfolio.credit(individual, [individuals[each] for each in individual.candidate.proposal.parents])

    def choices(self, portfolio: Portfolio, names: Sequence[str] = NAMES) -> list[str]:
        return [portfolio.choose(random.Random(number), names) for number in range(30)]

    def test_it_chooses_among_the_names_given(
        self, make_portfolio: Callable[[], Portfolio], individuals: list[Individual]
    ) -> None:
        portfolio = make_portfolio()
        assert set(self.choices(portfolio)) <= set(NAMES)
        for individual in individuals:
            self.credit(portfolio, individual, individuals)
            assert portfolio.choose(random.Random(individual.number), ["mix", "new"]) in ("mix", "new")
        assert self.choices(portfolio, ["step"]) == ["step"] * 30

    def test_it_draws_from_the_given_randomness_only(
        self, make_portfolio: Callable[[], Portfolio], individuals: list[Individual]
    ) -> None:
        state = random.getstate()
        one, other = make_portfolio(), make_portfolio()
        for individual in individuals:
            self.credit(one, individual, individuals)
            self.credit(other, individual, individuals)
        first = self.choices(one)
        assert random.getstate() == state
        random.seed(99)
        assert self.choices(other) == first
        random.setstate(state)

    def test_choosing_changes_nothing(
        self, make_portfolio: Callable[[], Portfolio], individuals: list[Individual]
    ) -> None:
        asked, unasked = make_portfolio(), make_portfolio()
        for individual in individuals:
            self.choices(asked)
            self.credit(asked, individual, individuals)
            self.credit(unasked, individual, individuals)
        assert self.choices(asked) == self.choices(unasked)

    def test_every_operator_gets_a_chance(self, make_portfolio: Callable[[], Portfolio]) -> None:
        portfolio = make_portfolio()
        chosen = {portfolio.choose(random.Random(number), NAMES) for number in range(300)}
        assert chosen == set(NAMES)

    def test_a_search_with_it_repeats(self, make_portfolio: Callable[[], Portfolio]) -> None:
        engines = [synthetic_engine(portfolio=make_portfolio()) for _ in range(2)]
        for engine in engines:
            drive(engine)
        assert digest(engines[0]) == digest(engines[1])
