"""Every operator together, as settings build them."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import msgspec
import pytest

from evo.budget import Budget
from evo.candidate import Kernel
from evo.engine import Engine
from evo.evaluation import Evaluation, Status
from evo.objective import Individual
from evo.protocols import Operator
from evo.task import Task
from operators.observing import Announcing, Observing
from operators.portfolio import FixedWeights
from operators.settings import OperatorSettings, OperatorWeights, build_operators, build_portfolio
from tests.contracts.operators import OperatorContract
from tests.contracts.portfolios import PortfolioContract
from tests.evo.driving import digest, session
from tests.operators.individuals import individual, verdict
from tests.operators.kernels import SOFTMAX
from tests.operators.loop_kernels import PRODUCT
from tests.operators.test_split_row import WHOLE_SOFTMAX
from tests.standins import DEVICE, SOURCE, measured, search_settings, synthetic_task

EVERY = OperatorSettings(
    weights=OperatorWeights(**dict.fromkeys(OperatorWeights().by_name, 1.0)), portfolio="bandit"
)
NAMES = tuple(EVERY.weights_by_name)
# Every operator has something to do with it, also the one that saves loads.
LOADED = SOFTMAX.replace("    # Pass 1", "    first = tl.load(x_row)\n    # Pass 1")
TASK: Task = synthetic_task(LOADED)
OTHER_THAN_SOFTMAX = {"split_k": PRODUCT, "split_row": WHOLE_SOFTMAX}
"""What to show operators that find nothing in a softmax of three passes."""


class TestOperators(OperatorContract):
    @pytest.fixture(params=NAMES)
    def operator(self, request: pytest.FixtureRequest) -> Operator:
        return build_operators(EVERY, "hip")[request.param]

    @pytest.fixture
    def task(self) -> Task:
        return TASK

    @pytest.fixture
    def parents(self, operator: Operator) -> list[Individual]:
        one = OTHER_THAN_SOFTMAX.get(operator.name, LOADED)
        other = one.replace("BLOCK=256, num_warps=4", "BLOCK=512, num_warps=8")
        return [individual(one, number=1), individual(other, number=2)][: operator.arity]


class TestAnnouncing(PortfolioContract):
    @pytest.fixture
    def make_portfolio(self):
        weights = {"leap": 1, "mix": 2, "step": 1, "new": 1}
        operators = build_operators(EVERY, "hip").values()
        return lambda: Announcing(FixedWeights(weights), operators)


def judged(kernel: Kernel) -> Evaluation:
    """Return a verdict that depends on the source alone; blocks beyond 1024 do not fit."""
    if any(f"BLOCK={size}" in kernel.source for size in (2048, 4096, 8192)):
        return verdict(Status.OUT_OF_RESOURCES)
    latency = 0.5 + random.Random(kernel.source).random()
    return Evaluation(
        status=Status.PASSED,
        stage=verdict(Status.PASSED).stage,
        source=SOURCE,
        device=DEVICE,
        measurements=(measured("wide", latency), measured("tall", 2 * latency)),
        plan_digest=kernel.digest,
    )


class Judge:
    source = SOURCE
    device = DEVICE

    async def evaluate(self, kernel: Kernel, task: Task) -> Evaluation:
        return judged(kernel)


def searched(path: Path, *budgets: int) -> Engine:
    """Return the engine after sessions with these budgets, each in a process of its own for all it knows."""
    for budget in budgets:
        operators = build_operators(EVERY, "hip")
        portfolio = build_portfolio(EVERY, operators)
        rules = search_settings(population=6, offspring=8, budget=Budget(evaluations=budget))
        engine = Engine(TASK, rules, operators, portfolio, SOURCE, DEVICE)
        session(path, evaluator=Judge(), engine=engine)
    return engine


def test_a_search_by_all_of_them_asks_each_and_resumes_as_if_never_stopped(tmp_path: Path):
    engine = searched(tmp_path / "whole.sqlite", 90)
    asked = Counter(each.candidate.proposal.operator for each in engine.individuals.values())
    assert asked.keys() == {"seed", *NAMES} - OTHER_THAN_SOFTMAX.keys()
    assert all(each.candidate.kernel is not None for each in engine.individuals.values())
    assert digest(searched(tmp_path / "parts.sqlite", 9, 25, 90)) == digest(engine)


def test_the_portfolio_is_the_one_that_the_settings_name():
    paid, unpaid = individual(operator="tiles", speedup=1.0), individual(operator="tune", speedup=-1.0)
    tiles = {}
    for name in ("fixed", "bandit"):
        portfolio = build_portfolio(msgspec.structs.replace(EVERY, portfolio=name), {})
        for _ in range(20):
            portfolio.credit(paid, [individual()])
            portfolio.credit(unpaid, [individual()])
        rng = random.Random(0)
        tiles[name] = Counter(portfolio.choose(rng, ["tiles", "tune"]) for _ in range(400))["tiles"]
    assert tiles["fixed"] < 240
    assert tiles["bandit"] > 300


def test_operators_that_observe_are_told_of_every_settled_individual_in_order():
    class Listener:
        name = "listener"

        def __init__(self) -> None:
            self.heard: list[int] = []

        def observe(self, individual: Individual) -> None:
            self.heard.append(individual.number)

    listener = Listener()
    assert isinstance(listener, Observing)
    operators = {**build_operators(EVERY, "hip"), "listener": listener}
    observers = [name for name, operator in operators.items() if isinstance(operator, Observing)]
    assert set(observers) == {*operators} - {"crossover"}
    portfolio = build_portfolio(EVERY, operators)  # type: ignore[arg-type]
    for number in (0, 1, 2):
        portfolio.credit(individual(SOFTMAX, number=number), [])
    assert listener.heard == [0, 1, 2]
