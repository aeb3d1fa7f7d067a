"""Lineage: relations, large and deep families, and the digest over all of it."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evo.candidate import Proposal
from evo.errors import UsageError
from evo.evaluation import Cost
from evo.identity import lineage_digest
from evo.lineage import Lineage
from tests.evo.driving import digest, drive
from tests.standins import synthetic_engine


def family(parents: list[tuple[int, ...]]) -> Lineage:
    return Lineage(
        {
            n: Proposal(number=n, operator="step", parents=p, generation=n, key=0)
            for n, p in enumerate(parents)
        }
    )


def test_relations():
    lineage = family([(), (0,), (0,), (1, 2), (3, 3), (2,)])
    assert lineage.parents(3) == (1, 2)
    assert lineage.children(0) == (1, 2)
    assert lineage.children(3) == (4,)
    assert lineage.ancestors(4) == (0, 1, 2, 3)
    assert lineage.descendants(2) == (3, 4, 5)
    assert lineage.line(4) == (0, 1, 3, 4)
    assert (lineage.line(0), lineage.ancestors(0), lineage.descendants(5)) == ((0,), (), ())


@given(st.lists(st.integers(0, 10**6), max_size=40).map(
    lambda drawn: [()] + [(each % (n + 1), each % 7 % (n + 1)) for n, each in enumerate(drawn)]
))  # fmt: skip
def test_ancestors_and_descendants_mirror_each_other(parents):
    lineage = family(parents)
    for number in range(len(parents)):
        assert all(number in lineage.descendants(each) for each in lineage.ancestors(number))
        assert set(lineage.line(number)) <= {number, *lineage.ancestors(number)}


def test_a_hundred_thousand_in_one_line():
    count = 100_000
    lineage = family([(), *((n,) for n in range(count - 1))])
    assert lineage.line(count - 1) == tuple(range(count))
    assert len(lineage.ancestors(count - 1)) == len(lineage.descendants(0)) == count - 1


def test_unknown_numbers_are_wrong_use():
    with pytest.raises(UsageError, match="one of this run's 1, got 7"):
        family([()]).line(7)


def test_the_rejected_have_a_line_too():
    engine = synthetic_engine()
    drive(engine)
    lineage = Lineage(engine.individuals)
    assert all(lineage.line(number)[0] == 0 for number in engine.individuals)
    assert lineage.descendants(0) == tuple(range(1, 23))


def test_the_digest_leaves_out_what_differs_from_run_to_run():
    engine = synthetic_engine()
    drive(engine)
    replace = msgspec.structs.replace
    dearer = [
        replace(each, evaluation=replace(each.evaluation, cost=Cost(cpu_seconds=3.0), cached=True))
        for each in engine.individuals.values()
    ]
    assert lineage_digest(dearer) == lineage_digest(reversed(dearer)) == digest(engine)
    assert lineage_digest(dearer[:-1]) != digest(engine)
