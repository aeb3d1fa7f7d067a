"""From settings to cells: what is compared shares tasks, seeds and budget, in an order fair to all."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evo.errors import SettingsError
from experiments.study.currency import Allowance, Currency
from experiments.study.grid import cells_of, combined, in_order, merged, run_seed, slug, spread
from experiments.study.settings import StudySettings, parse_study, read_study

CONFIGS = Path(__file__).parents[3] / "experiments" / "configs" / "studies"
GRID = """
tasks = ["softmax", "flip"]
seeds = 3
[budget]
amount = 12
[axes]
runs = [1, 2, 4]
"search.islands" = [1, 3]
[base.search]
population = 6
"""


def study(text: str = GRID) -> StudySettings:
    return parse_study(text, "a test's study", "test")


def test_axes_are_crossed_and_named() -> None:
    names = [mix.name for mix in combined(study())]
    assert names == [f"runs {runs}, islands {islands}" for runs in (1, 2, 4) for islands in (1, 3)]


def test_every_mix_has_every_task_and_seed() -> None:
    cells = cells_of(study())
    assert len({(cell.mix, cell.task, cell.seed) for cell in cells}) == len(cells) == 6 * 2 * 3


def test_all_of_a_seed_comes_before_the_next_and_tasks_take_turns() -> None:
    runs = list(in_order(cells_of(study())))
    assert len(runs) == len({run.path for run in runs}) == 2 * (1 + 2 + 4) * 2 * 3
    assert [run.seed for run in runs] == sorted(run.seed for run in runs)
    for _, turns in itertools.groupby(runs, key=lambda run: (run.seed, run.mix, run.index)):
        assert [run.task for run in turns] == ["softmax", "flip"]


def test_mixes_share_their_luck_and_runs_do_not() -> None:
    runs = list(in_order(cells_of(study())))
    seeds = {(run.seed, run.index): run.settings.search.seed for run in runs}
    assert all(run.settings.search.seed == seeds[run.seed, run.index] for run in runs)
    assert len(set(seeds.values())) == len(seeds)
    assert 0 <= run_seed(7, 3) < 2**63


@given(runs=st.integers(1, 64), share=st.integers(1, 200), currency=st.sampled_from(list(Currency)))
def test_the_shares_of_all_runs_come_to_the_budget(runs: int, share: int, currency: Currency) -> None:
    budget = Allowance(currency=currency, amount=runs * share)
    [(name, limit)] = budget.limits(runs).items()
    seed = 1 if currency is Currency.EVALUATIONS else 0
    assert name == currency
    assert runs * (limit - seed) == pytest.approx(budget.amount)


@given(runs=st.integers(2, 64), amount=st.integers(1, 10_000))
def test_what_comes_whole_is_shared_evenly_or_refused(runs: int, amount: int) -> None:
    budget = Allowance(amount=amount)
    if amount % runs == 0:
        assert budget.share(runs) * runs == amount
    else:
        with pytest.raises(SettingsError, match="cannot be shared evenly"):
            budget.share(runs)


def test_every_run_gets_its_share_of_evaluations_beside_the_seed_kernel() -> None:
    for cell in cells_of(study()):
        limits = {run.settings.search.budget.evaluations for run in cell.runs}
        assert limits == {12 // len(cell.runs) + 1}


@given(st.dictionaries(st.sampled_from(["a", "a.b", "c.d.e", "c.d.f", "g"]), st.integers(), max_size=5))
def test_dotted_keys_spread_into_tables(dotted: dict[str, int]) -> None:
    nested = spread(dotted)
    assert all("." not in key for key in nested)
    assert merged(nested, {}) == nested == merged({}, nested)


def test_names_become_names_of_folders() -> None:
    assert slug("16 × 4") == "16_4"
    assert slug("../..") == "_"


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.toml")), ids=lambda path: path.stem)
def test_ready_configs_can_be_laid_out(path: Path) -> None:
    environ = {"KERNEVO_MODELS": "some-model", "OPENAI_API_KEY": "none"}
    settings = read_study(path)
    cells = cells_of(settings, environ)
    assert len(cells) == len(combined(settings)) * len(settings.tasks) * len(settings.seed_numbers)
    assert settings.question


def test_width_against_depth_is_five_mixes_on_three_tasks_with_five_seeds() -> None:
    for budget in (64, 256, 1024):
        settings = read_study(CONFIGS / f"width_depth_{budget}.toml")
        assert settings.budget == Allowance(amount=budget)
        assert (len(settings.mixes), settings.tasks, settings.seeds) == (
            5,
            ("softmax", "layer_norm", "matmul"),
            5,
        )
        for cell in cells_of(settings):
            [width, depth] = map(int, cell.mix.split(" × "))
            assert (len(cell.runs), width * depth) == (width, budget)
