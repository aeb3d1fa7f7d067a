"""Attempts: which strategies are told to whom, and how many."""

from __future__ import annotations

from evo.evaluation import Status
from operators.llm.attempts import Attempts
from tests.operators.llm.prompted import SEED, settled, variant


def made(number: int, strategy: str, parents: tuple[int, ...] = (0,), **changes: object):
    operator = changes.pop("operator", "optimise")
    return settled(
        number,
        variant(number),
        parents=parents,
        operator=operator,
        summary=f"{operator}: {strategy}",
        **changes,
    )  # type: ignore[arg-type]


def noted(*individuals) -> Attempts:
    attempts = Attempts()
    for each in (SEED, *individuals):
        attempts.note(each)
        attempts.note(each)
    return attempts


def told(attempts: Attempts, parents=(0,), ancestors=(), best=9, worst=9, settled=range(99)) -> list[str]:
    return [each.strategy for each in attempts.about(parents, ancestors, settled, best, worst)]


def test_siblings_and_ancestors_are_told_best_first():
    attempts = noted(
        made(1, "slow", long=0.3), made(2, "fast", long=0.1), made(3, "broken", status=Status.WRONG),
        made(4, "of another", parents=(1,), long=0.05),
        made(5, "fast@large", operator="optimise@large", long=0.2),
    )  # fmt: skip
    assert told(attempts) == ["fast", "fast@large", "slow", "broken"]
    assert told(attempts, (1,)) == ["of another", "slow"]
    assert told(attempts, (4,), (1, 0)) == ["of another", "slow"]
    assert told(attempts, (77,)) == []


def test_what_models_did_not_make_or_make_anew_is_not_told():
    attempts = noted(
        settled(1, variant(1), parents=[0]),
        settled(2, None, parents=[0], operator="optimise", summary="no code", status=Status.MALFORMED),
        made(3, "again", status=Status.DUPLICATE),
    )
    assert told(attempts) == []


def test_a_strategy_is_told_once_with_its_best_outcome():
    attempts = noted(
        made(1, "Tiles", status=Status.WRONG), made(2, "tiles", long=0.1), made(3, "tiles", long=0.2)
    )
    [attempt] = attempts.about((0,), (), range(99), 9, 9)
    assert (attempt.number, attempt.status) == (2, Status.PASSED)


def test_of_many_the_best_and_the_worst_are_told():
    attempts = noted(*(made(number, f"s{number}", long=number / 100) for number in range(1, 21)))
    assert told(attempts, best=3, worst=2) == ["s1", "s2", "s3", "s19", "s20"]


def test_what_was_made_from_nothing_is_told_to_what_will_be():
    attempts = noted(made(1, "root", parents=(), operator="generate"), made(2, "child"))
    assert told(attempts, ()) == ["root"]


def test_both_parents_children_are_siblings():
    attempts = noted(made(3, "joined", parents=(1, 2), operator="combine"))
    assert told(attempts, (2,)) == told(attempts, (1, 2)) == ["joined"]


def test_what_was_settled_since_is_left_out():
    attempts = noted(made(1, "old"), made(2, "new", long=0.1))
    assert told(attempts, settled={0, 1}) == ["old"]
