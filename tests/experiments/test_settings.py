"""Settings: what is written is read back, and changes from the command line take their place."""

from __future__ import annotations

from pathlib import Path

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evo.budget import Budget
from evo.settings import MOST, IslandRules, SearchSettings, Selection
from experiments.settings import RunSettings, flatten, parse_settings, read_settings
from experiments.tracking_settings import TrackingSettings
from fitness.settings import FitnessSettings, StageLimits
from operators.settings import OperatorSettings, OperatorWeights

counts = st.integers(1, MOST)
amounts = st.floats(1e-300, 1e300)
weights = st.floats(0, 1e300)
texts = st.text(st.characters(codec="utf-8"))

own_ways = st.builds(
    IslandRules, selection=st.none() | st.sampled_from(Selection), tournament=st.none() | counts
)

run_settings = st.builds(
    RunSettings,
    task=texts,
    search=st.builds(
        SearchSettings,
        islands=st.just(2),
        island=st.just(()) | st.tuples(own_ways, own_ways),
        population=counts,
        offspring=counts,
        seed=st.integers(0, 2**64 - 1),
        budget=st.builds(
            Budget,
            evaluations=st.none() | counts,
            generations=st.none() | counts,
            wall_seconds=st.none() | amounts,
            tokens=st.none() | counts,
            dollars=st.none() | amounts,
            stagnant_evaluations=st.none() | counts,
            stagnant_generations=st.none() | counts,
            target_speedup=st.none() | amounts,
        ),
    ),
    operators=st.builds(
        OperatorSettings, weights=st.builds(OperatorWeights, tiles=amounts, one_pass=weights)
    ),
    fitness=st.builds(
        FitnessSettings, target=texts, limits=st.builds(StageLimits, check_cpu_seconds=amounts)
    ),
    tracking=st.builds(TrackingSettings, enabled=st.booleans(), queue=counts),
)


@given(run_settings)
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_written_settings_are_read_back(written: RunSettings) -> None:
    assert parse_settings(written.to_toml(), "it") == written


@given(run_settings)
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_every_setting_can_be_set_on_the_command_line(written: RunSettings) -> None:
    changes = [f"{key}={_toml(value)}" for key, value in _leaves(written)]
    assert parse_settings("task = 'other'\nsearch.budget = {}", "it", changes) == written


def _leaves(written: RunSettings) -> list[tuple[str, object]]:
    leaves: list[tuple[str, object]] = []

    def add(prefix: str, value: object) -> None:
        if isinstance(value, dict):
            for name, each in value.items():
                add(f"{prefix}.{name}" if prefix else name, each)
        elif value is not None:
            leaves.append((prefix, value))

    add("", msgspec.to_builtins(written))
    return leaves


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return '"' + "".join(f"\\U{ord(each):08x}" for each in value) + '"'
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{name} = {_toml(each)}' for name, each in value.items())}}}"
    return repr(value)


def test_a_change_keeps_the_neighbours() -> None:
    changed = parse_settings("task = 'flip'", "it", ["operators.weights.tiles=2", "search.population=5"])
    assert changed.operators.weights == OperatorWeights(tiles=2.0, launch_options=1.0, one_pass=1.0)
    assert (changed.search.population, changed.search.offspring) == (5, SearchSettings().offspring)


def test_a_later_change_wins_and_text_needs_no_quotes() -> None:
    changed = parse_settings("task = 'flip'", "it", ["task=a", "task= some where ", "fitness.target=sm_90"])
    assert (changed.task, changed.fitness.target) == (" some where ", "sm_90")


def test_a_missing_seed_is_drawn_and_written_down(tmp_path: Path) -> None:
    drawn = [parse_settings("task = 'flip'", "it") for _ in range(2)]
    assert drawn[0].search.seed != drawn[1].search.seed
    (tmp_path / "settings.toml").write_text(drawn[0].to_toml())
    assert read_settings(tmp_path / "settings.toml") == drawn[0]


def test_flattened_settings_hold_every_leaf() -> None:
    written = parse_settings("task = 'flip'", "it", ["search.seed=3"])
    assert flatten(written) == {key: str(value) for key, value in _leaves(written)}
