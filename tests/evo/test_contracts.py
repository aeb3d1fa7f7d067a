"""The contracts, applied to the stand-ins: they must be able to hold."""

from __future__ import annotations

import pytest

from evo.evaluation import Status
from tests.contracts.evaluators import EvaluatorContract
from tests.contracts.operators import OperatorContract
from tests.contracts.portfolios import PortfolioContract
from tests.contracts.trackers import TrackerContract
from tests.evo.driving import drive
from tests.standins import (
    ENDS,
    ChainPortfolio,
    RecordingTracker,
    SyntheticEvaluator,
    SyntheticOperator,
    kernel_of,
    search_settings,
    synthetic_engine,
    synthetic_task,
)


class TestSyntheticOperator(OperatorContract):
    @pytest.fixture(params=[0, 1, 2])
    def operator(self, request):
        return SyntheticOperator(arity=request.param)

    @pytest.fixture
    def task(self):
        return synthetic_task()

    @pytest.fixture
    def parents(self, operator):
        engine = synthetic_engine(search_settings())
        drive(engine)
        return engine.population[: operator.arity]


class TestSyntheticEvaluator(EvaluatorContract):
    @pytest.fixture
    def evaluator(self):
        return SyntheticEvaluator()

    @pytest.fixture
    def task(self):
        return synthetic_task()

    @pytest.fixture
    def broken(self):
        return [(kernel_of(2, status=status), Status(status)) for status in ENDS]


class TestChainPortfolio(PortfolioContract):
    @pytest.fixture
    def make_portfolio(self):
        return ChainPortfolio


class TestRecordingTracker(TrackerContract):
    @pytest.fixture
    def tracker(self):
        return RecordingTracker()
