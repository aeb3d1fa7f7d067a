"""Properties of a whole search at its edges: nothing but failures, one of everything, killed anywhere."""

from __future__ import annotations

import contextlib
import random
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evo.budget import Budget
from evo.candidate import Kernel
from evo.evaluation import Status
from evo.events import GenerationEnded, Settled, Stopped, Told
from evo.islands import Islands
from evo.protocols import Draft, Malformed
from evo.selection import UNFIT
from evo.settings import Mode, PopulationKind, SearchRules
from tests.evo.driving import digest, session
from tests.evo.test_steady import Dying
from tests.evo.test_steady import drive as drive_some
from tests.standins import (
    ENDS,
    RecordingTracker,
    SyntheticOperator,
    kernel_of,
    search_settings,
    synthetic_engine,
)

ANSWERS = [None, Status.PASSED, Status.DUPLICATE, *ENDS]


class Scripted(SyntheticOperator):
    """Ends in the statuses that the script says, one candidate after the other, from the first again."""

    def __init__(self, script: list[Status | None]) -> None:
        super().__init__("scripted")
        self._script = script

    async def propose(self, proposal, parents, task):
        status = self._script[proposal.number % len(self._script)]
        if status is None:
            return Malformed("nothing")
        if status is Status.DUPLICATE:
            return Draft(Kernel(task.seed.source), "the seed again")
        return Draft(kernel_of(proposal.number, status=status, note=f"{proposal.number}"), "scripted")


@settings(max_examples=25)
@given(
    script=st.lists(st.sampled_from(ANSWERS), min_size=1, max_size=5),
    mode=st.sampled_from(Mode),
    kind=st.sampled_from(PopulationKind),
    population=st.integers(1, 3),
    offspring=st.integers(1, 3),
    islands=st.integers(1, 3),
    repairs=st.integers(0, 2),
    evaluations=st.integers(1, 12),
    order=st.integers(0, 2**32),
)
def test_whatever_operators_make_the_search_keeps_its_rules(script, order, evaluations, mode, kind, **rules):
    budget = Budget(evaluations=evaluations)
    changes = search_settings(
        mode=mode, population_kind=kind, budget=budget, redraws=0, migration_every=1, **rules
    )
    engine = synthetic_engine(changes, operators={"scripted": Scripted(script)})
    events = drive_some(engine, 3, random.Random(order))
    assert events[-1] == Stopped(reason=engine.stopped)
    assert engine.told == len(engine.individuals) == evaluations
    assert [e.told for e in events if isinstance(e, Told)] == list(range(1, evaluations + 1))
    assert sorted(e.individual.number for e in events if isinstance(e, Settled)) == list(range(evaluations))
    assert engine.elite.evaluation.passed
    assert engine.elite.speedup == max(e.speedup for e in engine.individuals.values() if e.speedup)
    for ended in (event for event in events if isinstance(event, GenerationEnded)):
        assert ended.population
        assert all(ended.islands)
        assert not any(each.evaluation.status in UNFIT for each in ended.population)
        assert all(each.fitness.valid for each in ended.population)


@settings(max_examples=5)
@given(deaths=st.lists(st.integers(0, 9), max_size=4), mode=st.sampled_from(Mode), run=st.integers(0, 2**32))
def test_killed_at_any_evaluations_it_tells_each_candidate_once(deaths, mode, run):
    rules = search_settings(mode=mode, seed=run, proposals_in_flight=2, budget=Budget(evaluations=12))
    tracker = RecordingTracker()
    with tempfile.TemporaryDirectory() as folder:
        whole, path = (Path(folder) / name for name in ("whole.sqlite", "killed.sqlite"))
        for at in deaths:
            with contextlib.suppress(ExceptionGroup):  # none is raised once nothing is left to evaluate
                session(path, rules, evaluator=Dying(at), trackers=[tracker])
        engine, reason = session(path, rules, trackers=[tracker])
        assert reason == "12 evaluations made"
        assert sorted({e.number for e in tracker.events if isinstance(e, Told)}) == list(range(12))
        if mode is Mode.GENERATIONAL:
            assert digest(engine) == digest(session(whole, rules)[0])


@pytest.mark.parametrize("count", [1, 3])
def test_islands_on_which_nobody_is(count):
    islands = Islands(SearchRules(islands=count, migration_every=1, restart_after=1))
    islands.absorb([])
    islands.end_generation(0)
    assert (islands.union, islands.members) == ((), ((),) * count)
