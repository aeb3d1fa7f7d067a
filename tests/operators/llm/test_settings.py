"""Settings of the operators that ask models: names, weights and switches as a run has them."""

from __future__ import annotations

from itertools import pairwise

import msgspec
import pytest

from evo.errors import SettingsError
from operators.bandit import BanditSettings
from operators.llm.attempts import KINDS
from operators.llm.settings import LlmSettings, ModelSettings
from operators.rewrite_operator import RewriteOperator
from operators.settings import OperatorSettings, OperatorWeights, build_operators
from tests.operators.llm.prompted import TARGET, Scripted, llm_settings

NOBODY = Scripted(lambda request, proposal, turn: "")
EVERY = OperatorWeights(**dict.fromkeys(OperatorWeights().by_name, 1.0))


def names(settings: OperatorSettings) -> set[str]:
    return set(build_operators(settings, "hip", NOBODY, TARGET))


def test_the_rewrites_are_the_families_that_there_are():
    built = build_operators(OperatorSettings(weights=EVERY), "cuda")
    families = {name for name, each in built.items() if isinstance(each, RewriteOperator)}
    assert families == set(OperatorWeights().by_name) - {"crossover", "tune", *KINDS}


def test_operators_that_ask_models_are_there_where_models_are():
    assert not names(OperatorSettings()).intersection(KINDS)
    assert names(OperatorSettings(llm=llm_settings())) >= set(KINDS)
    assert names(OperatorSettings(llm=llm_settings("a", "b"))) >= {
        f"{kind}@{model}" for kind in KINDS for model in "ab"
    }


def test_all_that_asks_no_model_goes_with_one_switch():
    settings = OperatorSettings(rewrites=False, weights=EVERY, llm=llm_settings())
    assert names(settings) == set(KINDS)
    with pytest.raises(SettingsError, match=r"operators\.rewrites = false, 0 models"):
        OperatorSettings(rewrites=False)


@pytest.mark.parametrize("kind", KINDS)
def test_each_can_be_left_out(kind: str):
    without = msgspec.structs.replace(OperatorWeights(), **{kind: 0.0})
    settings = OperatorSettings(weights=without, llm=llm_settings("a", "b"), rewrites=False)
    assert {name.partition("@")[0] for name in names(settings)} == set(KINDS) - {kind}


def test_a_kinds_weight_is_shared_among_the_models_by_theirs():
    models = (ModelSettings(name="small", weight=3.0), ModelSettings(name="large"))
    weights = OperatorSettings(
        weights=OperatorWeights(optimise=8.0), llm=LlmSettings(models=models)
    ).weights_by_name
    assert (weights["optimise@small"], weights["optimise@large"]) == (6.0, 2.0)
    assert weights["tiles"] == OperatorWeights().tiles


def test_whoever_asks_models_must_know_the_target():
    with pytest.raises(ValueError, match="must be told of their target"):
        build_operators(OperatorSettings(llm=llm_settings()), "hip", NOBODY)


def test_dollars_are_counted_only_where_prices_are_known():
    dollars = BanditSettings(currency="dollars")
    with pytest.raises(SettingsError, match="needs the prices of all models, got none for one"):
        OperatorSettings(portfolio="bandit", bandit=dollars, llm=llm_settings())
    priced = LlmSettings(models=(ModelSettings(name="one", dollars_in=1.0, dollars_out=2.0),))
    OperatorSettings(portfolio="bandit", bandit=dollars, llm=priced)
    OperatorSettings(portfolio="fixed", bandit=dollars, llm=llm_settings())


def test_ablations_change_prompts_one_by_one():
    from tests.operators.llm.test_operators import Bench, by_key

    texts = []
    for changes in ({}, {"exemplar": False}, {"knowledge": False}, {"history": False}, {"strategy": False}):
        bench = Bench(by_key, llm_settings(**changes))
        bench.propose("optimise")
        texts.append(bench.requests[0].messages[1].content)
    marks = ("another task", "Worth knowing", "Kernels that this one comes from", "Strategies tried")
    assert [[mark in text for mark in marks] for text in texts] == [
        [True] * 4,
        *([mark != missing for mark in marks] for missing in marks),
    ]
    assert all(one != other for one, other in pairwise(texts))
