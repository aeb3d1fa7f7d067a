"""The repair queue: who waits in it, who leaves it, who draws from it."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evo.budget import Budget
from evo.candidate import Candidate, Proposal
from evo.evaluation import Status
from evo.objective import assess, progress
from evo.protocols import Draft
from evo.repairs import RepairQueue
from evo.settings import Mode
from tests.evo.driving import digest, drive, session
from tests.standins import (
    ENDS,
    ChainPortfolio,
    SyntheticOperator,
    kernel_of,
    search_settings,
    stated,
    synthetic_engine,
    verdict,
)

BASELINE = verdict(kernel_of(10))


def individual(number: int, status: Status, value: int = 1, parents: tuple[int, ...] = ()):
    proposal = Proposal(number=number, operator="step", parents=parents, generation=1, key=0)
    duplicate = status is Status.DUPLICATE
    kernel = kernel_of(value, status=Status.PASSED if duplicate else status)
    evaluation = verdict(kernel).as_duplicate_of(0) if duplicate else verdict(kernel)
    return assess(Candidate(proposal=proposal, kernel=kernel), evaluation, BASELINE)


@given(
    drawn=st.lists(st.tuples(st.sampled_from([*ENDS, Status.PASSED, Status.DUPLICATE]), st.integers(0, 9))),
    places=st.integers(0, 5),
)
def test_the_furthest_wait_and_the_newest_among_equals(drawn, places):
    queue = RepairQueue(places)
    pool = [individual(number, *each) for number, each in enumerate(drawn)]
    for each in pool:
        queue.settle(each)
    broken = [each for each in pool if each.evaluation.status in ENDS]
    broken.sort(key=lambda each: (-progress(each.evaluation), -each.number))
    assert list(queue.members) == broken[:places]


def test_one_leaves_when_a_child_is_settled_and_the_child_waits_in_its_place():
    queue = RepairQueue(3)
    for each in (individual(1, Status.WRONG), individual(2, Status.REJECTED)):
        queue.settle(each)
    queue.settle(individual(3, Status.COMPILE_ERROR, parents=(1,)))
    assert [each.number for each in queue.members] == [3, 2]
    queue.settle(individual(4, Status.PASSED, parents=(3,)))
    assert [each.number for each in queue.members] == [2]


class Mender(SyntheticOperator):
    """Applies to broken kernels only, and makes them work."""

    def applies(self, parents, task):
        return not parents[0].evaluation.passed

    async def propose(self, proposal, parents, task):
        value = int(stated(parents[0].candidate.kernel, "value", "0"))
        return Draft(kernel_of(value + 1, note=f"mended {proposal.number}"), "mended")


def mending(**changes: object):
    """An engine with one operator that often breaks kernels and one that mends them."""
    operators = {"step": SyntheticOperator(faults=8), "mend": Mender("mend")}
    rules = {"population": 1, "repairs": 2, "budget": Budget(evaluations=40), **changes}
    return synthetic_engine(search_settings(**rules), operators=operators, portfolio=ChainPortfolio())


def mended(engine) -> list:
    return [each for each in engine.individuals.values() if each.candidate.proposal.operator == "mend"]


@pytest.mark.parametrize("islands", [1, 3])
def test_a_mender_draws_broken_parents_that_never_displace_working_ones(islands):
    engine = mending(islands=islands)
    drive(engine)
    assert mended(engine)
    for each in mended(engine):
        [parent] = (engine.individuals[number] for number in each.candidate.proposal.parents)
        assert parent.evaluation.status in ENDS
    assert all(each.evaluation.passed for each in engine.population)
    parents = {each.candidate.proposal.parents for each in engine.individuals.values()} - {()}
    others = {each.candidate.proposal.parents for each in mended(engine)}
    assert all(engine.individuals[number].evaluation.passed for (number,) in parents - others)


def test_without_places_nobody_waits():
    engine = mending(repairs=0)
    drive(engine)
    assert not mended(engine)


def test_repairs_do_not_depend_on_the_order_of_tells_and_resume(tmp_path):
    straight, mixed = mending(), mending()
    drive(straight)
    drive(mixed, lambda told: random.Random(3).sample(told, len(told)))
    assert digest(straight) == digest(mixed)
    for evaluations in (9, 16, 40):
        engine = mending(budget=Budget(evaluations=evaluations))
        resumed, _ = session(tmp_path / "run.sqlite", engine=engine)
    assert digest(resumed) == digest(straight)
    steady = mending(mode=Mode.STEADY)
    session(tmp_path / "steady.sqlite", engine=steady)
    assert mended(steady)
