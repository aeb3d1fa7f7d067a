"""The archive: the best of each cell stays, and cells come from the hardware."""

from __future__ import annotations

import random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evo.archive import Cell, archive, cell
from evo.candidate import Candidate, Proposal
from evo.errors import SettingsError
from evo.evaluation import Bound, Resources, Status
from evo.objective import Individual, assess
from evo.selection import UNFIT, rank
from evo.settings import Mode, PopulationKind
from tests.evo.driving import digest, drive, session
from tests.standins import kernel_of, search_settings, synthetic_engine, verdict

BASELINE = verdict(kernel_of(10))


def resources(occupancy: float = 0.5, bound: Bound | None = None, tile: int = 0) -> Resources:
    return Resources(
        kernel="k",
        registers=32,
        spills=0,
        shared_bytes=0,
        warps=4,
        occupancy=occupancy,
        bound=bound,
        tile=tile,
    )


def individual(number: int, value: int = 10, status: Status = Status.PASSED, used=None) -> Individual:
    proposal = Proposal(number=number, operator="step", parents=(), generation=1, key=0)
    duplicate = status is Status.DUPLICATE
    kernel = kernel_of(value, status=Status.PASSED if duplicate else status)
    evaluation = verdict(kernel)
    if used is not None:
        evaluation = msgspec.structs.replace(evaluation, resources=used)
    if duplicate:
        evaluation = evaluation.as_duplicate_of(0)
    return assess(Candidate(proposal=proposal, kernel=kernel), evaluation, BASELINE)


@pytest.mark.parametrize(
    ("used", "expected"),
    [
        ((resources(0.0),), Cell(0, None, 0)),
        ((resources(0.25, Bound.MEMORY, 1),), Cell(1, Bound.MEMORY, 1)),
        ((resources(1.0, Bound.OVERHEAD, 2**20),), Cell(3, Bound.LATENCY, 11)),
        ((resources(0.7, Bound.COMPUTE, 3), resources(0.3, tile=4)), Cell(1, Bound.COMPUTE, 2)),
        ((resources(0.5, Bound.LATENCY), resources(0.5, Bound.MEMORY)), Cell(2, Bound.MEMORY, 0)),
        (
            (
                *[resources(0.5, each, 64) for each in (Bound.LATENCY, Bound.OVERHEAD)],
                resources(0.5, Bound.MEMORY),
            ),
            Cell(2, Bound.LATENCY, 4),
        ),
        ((), None),
    ],
)
def test_cells_tell_uses_of_the_hardware_apart(used, expected):
    assert cell(individual(1, used=used)) == expected


@given(
    used=st.lists(
        st.builds(
            resources,
            st.floats(0, 1),
            st.sampled_from([None, *Bound]),
            st.integers(0, 2**20),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_cells_are_as_few_as_is_said(used):
    found = cell(individual(1, used=tuple(used)))
    assert found is not None
    assert found.occupancy in range(4)
    assert found.bound in {None, Bound.MEMORY, Bound.COMPUTE, Bound.LATENCY}
    assert found.tile in range(12)


def test_what_has_not_passed_has_no_cell():
    assert cell(individual(1, status=Status.WRONG)) is None


@given(
    drawn=st.lists(
        st.tuples(st.integers(1, 30), st.sampled_from([Status.PASSED, Status.WRONG, Status.DUPLICATE])),
        max_size=20,
    ),
    split=st.integers(0, 20),
)
def test_the_best_of_each_cell_stays_whatever_comes_first(drawn, split):
    pool = [individual(number, *each) for number, each in enumerate(drawn)]
    kept = archive(pool)
    assert archive([*archive(pool[:split]), *pool[split:]]) == kept
    assert list(kept) == sorted(kept, key=rank)
    cells = [cell(each) for each in kept]
    assert len(set(cells)) == len(cells)
    fit = [each for each in pool if each.evaluation.status not in UNFIT]
    assert set(cells) == {cell(each) for each in fit}
    assert all(rank(kept[cells.index(cell(each))]) <= rank(each) for each in fit)


@pytest.mark.parametrize("islands", [1, 2])
def test_a_search_keeps_more_ways_than_the_best_ones(islands, tmp_path):
    rules = {"population_kind": PopulationKind.ARCHIVE, "islands": islands, "population": 1}
    straight, mixed = (synthetic_engine(search_settings(**rules)) for _ in range(2))
    drive(straight)
    drive(mixed, lambda told: random.Random(4).sample(told, len(told)))
    assert digest(straight) == digest(mixed)
    cells = [cell(each) for each in straight.population if each.evaluation.passed]
    assert len(set(cells)) > 3
    assert straight.elite is straight.population[0]
    resumed, reason = session(tmp_path / "run.sqlite", search_settings(mode=Mode.STEADY, **rules))
    assert reason == "23 evaluations made"
    assert resumed.elite is resumed.population[0]


def test_an_archive_keeps_all_its_elites():
    with pytest.raises(SettingsError, match="all of which stays, got 2"):
        search_settings(population_kind=PopulationKind.ARCHIVE, elites=2)
