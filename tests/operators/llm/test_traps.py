"""Traps: one fault told from another, and lines given up once repair after repair changed nothing."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evo.evaluation import Status
from evo.objective import Individual
from operators.llm.attempts import AFRESH
from operators.llm.traps import Traps, fault_of, normalised
from tests.operators.llm.prompted import FEEDBACK, SEED, settled, variant

ALL = range(100)

COMPILER = (
    "workload ragged: CompilationError: at {line}:15:\n"
    "def add_kernel(x_ptr, BLOCK: tl.constexpr):\n"
    "    {source}\n"
    "               ^\n"
    "arange's arguments must be of type tl.constexpr (at line {line}: {source}) (line {line} of the module)"
)


def test_what_changes_from_kernel_to_kernel_is_no_part_of_a_fault():
    one = COMPILER.format(line=7, source="offsets = tl.arange(0, n)")
    other = COMPILER.format(line=31, source="cols = tl.arange(0, width * 2)")
    assert normalised(one) == normalised(other)
    assert "arange's arguments must be of type tl.constexpr" in normalised(one)
    for text, again in (
        ("out of memory at 0x7f3e10 after 12 bytes", "out of memory at 0xdeadbeef after 4096 bytes"),
        ("'%12 = tt.load %arg3' is not a pointer", "'%4 = tt.load %0' is not a pointer"),
        ("RMS error is 0.31, worst at (2, 7): got nan", "RMS error is 1.2e-07, worst at (0,): got -3.5"),
        ("no file /tmp/a/b.py", "no file /home/c.py"),
        ("too   many\nregisters: tmp_12", "too many registers: tmp_7"),
    ):
        assert normalised(text) == normalised(again), text


def test_what_is_wrong_is_a_part_of_it():
    faults = {normalised(text) for text in FEEDBACK.values()}
    assert len(faults) == len(FEEDBACK)
    wrong = settled(1, variant(64), status=Status.WRONG, feedback="the same words")
    crashed = settled(1, variant(64), status=Status.CRASHED, feedback="the same words")
    assert fault_of(wrong) != fault_of(crashed)
    assert fault_of(SEED) is None


@given(st.text(st.characters(codec="utf-8")) | st.just("at 1:1:\n" * 300))
@settings(max_examples=60, deadline=None)
def test_any_feedback_has_a_fault_that_stays_what_it_is(feedback: str):
    once = normalised(feedback)
    assert len(once) <= 300
    assert normalised(feedback) == once


def broken(number: int, parent: int | None, fault: str = "fault 1", **changes: object) -> Individual:
    """Return what a reflection left broken."""
    given: dict[str, object] = {
        "operator": "reflect",
        "summary": "reflect: x",
        "status": Status.WRONG,
        **changes,
    }
    parents = [] if parent is None else [parent]
    return settled(number, variant(number), parents=parents, feedback=fault, **given)  # type: ignore[arg-type]


def noted(repairs: int, *individuals: Individual) -> Traps:
    traps = Traps(repairs)
    for each in (SEED, *individuals):
        traps.note(each)
        traps.note(each)
    return traps


@pytest.mark.parametrize("repairs", [1, 2, 3])
def test_a_line_is_given_up_after_as_many_repairs_and_stays_so(repairs: int):
    line = [broken(1, 0, operator="optimise"), *(broken(n, n - 1, f"fault {n}") for n in range(2, 8))]
    for length, last in enumerate(line, 1):
        row = noted(repairs, *line[:length]).abandoned(last, ALL)
        assert row == (tuple(range(1, length + 1)) if length > repairs else ())


def test_repairs_side_by_side_count_as_those_in_a_row_do():
    first = broken(1, 0, operator="optimise")
    traps = noted(2, first, broken(2, 1), broken(3, 1, "another"), broken(4, 1))
    assert traps.abandoned(first, ALL) == (1, 2, 4)
    assert traps.abandoned(broken(2, 1), ALL) == (1, 2, 4)
    assert traps.abandoned(broken(3, 1), ALL) == ()


def test_a_repair_without_a_new_kernel_counts_for_its_parent():
    first = broken(1, 0, operator="optimise")
    mute = settled(2, None, parents=[1], operator="reflect", summary="no code", status=Status.MALFORMED)
    again = broken(3, 1, status=Status.DUPLICATE)
    assert noted(2, first, mute).abandoned(first, ALL) == ()
    assert noted(2, first, mute, again).abandoned(first, ALL) == (1, 2, 3)


def test_what_other_operators_do_to_a_broken_kernel_is_no_repair():
    first = broken(1, 0, operator="optimise")
    tiled = [broken(number, number - 1, operator="tiles", summary="tiles: y") for number in range(2, 7)]
    assert noted(1, first, *tiled).abandoned(tiled[-1], ALL) == ()
    assert noted(1, first, *tiled, broken(7, 6)).abandoned(first, ALL) == (1, 7), (
        "the line goes on through them"
    )


def test_another_fault_or_a_pass_in_between_begins_anew():
    line = [
        broken(1, 0, operator="optimise"), broken(2, 1, status=Status.CRASHED), broken(3, 2),
        settled(4, variant(4), parents=[3], operator="reflect"), broken(5, 4, operator="optimise"),
    ]  # fmt: skip
    traps = noted(1, *line)
    assert not any(traps.abandoned(each, ALL) for each in line)


def test_a_line_that_begins_broken_is_limited_from_its_first_kernel_on():
    first = broken(1, None, operator="generate")
    assert noted(1, first).abandoned(first, ALL) == ()
    assert noted(1, first, broken(2, 1)).abandoned(first, ALL) == (1, 2)


def test_faults_that_take_turns_are_a_trap_too_and_a_fresh_start_leaves_it():
    faults = ["one", "other"] * 8
    line = [broken(1, 0, "one", operator="optimise")]
    line += [broken(number, number - 1, faults[number - 1]) for number in range(2, 8)]
    traps = noted(2, *line)
    assert [bool(traps.abandoned(each, ALL)) for each in line] == [False] * 6 + [True]
    fresh = broken(8, 7, "other", summary=f"{AFRESH}: z")
    assert noted(2, *line, fresh).abandoned(fresh, ALL) == ()


def test_what_was_settled_since_is_left_out():
    first = broken(1, 0, operator="optimise")
    traps = noted(2, first, broken(2, 1), broken(3, 1))
    assert traps.abandoned(first, {0, 1, 2}) == ()
    assert traps.abandoned(first, {0, 1, 2, 3}) == (1, 2, 3)
