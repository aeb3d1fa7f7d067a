"""Waits between tries, and what endpoints ask for."""

from __future__ import annotations

from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.llm.waits import FIRST_SECONDS, LONGEST_SECONDS, wait_after, wait_asked

NOW = 1_800_000_000.0


@given(tries=st.integers(1, 10_000), key=st.integers(0, 2**64 - 1))
def test_waits_double_up_to_the_longest_and_come_from_the_key(tries, key):
    longest = min(FIRST_SECONDS * 2 ** min(tries - 1, 60), LONGEST_SECONDS)
    assert longest / 2 <= wait_after(tries, key) <= longest
    assert wait_after(tries, key) == wait_after(tries, key)


def test_waits_of_different_calls_differ():
    assert len({wait_after(1, key) for key in range(100)}) == 100


@given(asked=st.floats(1e-3, 1e6), key=st.integers(0, 2**64 - 1))
def test_no_wait_is_shorter_than_asked(asked, key):
    assert asked <= wait_after(3, key, asked) <= asked + FIRST_SECONDS


ASKED = {
    "7": 7.0,
    " 0.5 ": 0.5,
    formatdate(NOW + 90, usegmt=True): 90.0,
    formatdate(NOW - 90, usegmt=True): None,
    "0": None,
    "-3": None,
    "nan": None,
    "inf": None,
    "": None,
    "Fri, 99 Foo 2026": None,
    "soon": None,
}


@pytest.mark.parametrize("told", ASKED)
def test_what_endpoints_ask_for(told):
    assert wait_asked({"retry-after": told}, NOW) == ASKED[told]


def test_without_a_header_nothing_is_asked():
    assert wait_asked({}, NOW) is None


@given(st.text())
def test_no_header_breaks_it(told):
    asked = wait_asked({"retry-after": told}, NOW)
    assert asked is None or asked > 0
