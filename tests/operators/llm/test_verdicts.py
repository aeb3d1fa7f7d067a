"""What answers mean, in the dialects that endpoints have."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evo.errors import ModelError
from operators.llm.client import Heard
from operators.llm.completion import Completion, Problem, problem_in
from operators.llm.dialect import Dialect
from operators.llm.verdicts import LONGEST_QUOTE, Again, Declined, Place, verdict
from tests.operators.llm.asking import request

PLACE = Place("small", "http://there/v1")
PROBLEMS = {
    "the protocol's": ({"error": {"message": "no", "code": "c", "param": "p"}}, Problem("no", "c", "p")),
    "text": ({"error": "no"}, Problem("no")),
    "flat": ({"object": "error", "message": "no", "code": 404}, Problem("no", 404)),
    "detail": ({"detail": "no"}, Problem("no")),
    "details": ({"detail": [{"msg": "no"}]}, Problem('[{"msg": "no"}]')),
    "null": ({"error": None}, Problem("null")),
    "numbers": ({"message": 5}, Problem('{"message": 5}')),
    "other": ({"status": "no"}, None),
    "no object": ([], None),
}


@pytest.mark.parametrize(("told", "problem"), PROBLEMS.values(), ids=PROBLEMS)
def test_dialects_of_problems(told, problem):
    assert problem_in(json.dumps(told).encode()) == problem


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["choices", "message", "content", "usage", "error", "code", "prompt_tokens",
                         "completion_tokens", "finish_reason", "detail", "text", "type", "refusal"]),
        inner, max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip


@given(status=st.integers(100, 599), told=anything, torn=st.booleans())
def test_every_answer_means_something_in_one_short_line(status, told, torn):
    body = json.dumps(told).encode()
    heard = Heard(status, {"retry-after": "1"}, body[: len(body) // 2] if torn else body)
    try:
        outcome = verdict(heard, PLACE, 0.0)
    except ModelError as error:
        said = str(error)
    else:
        assert isinstance(outcome, Completion | Again | Declined)
        said = "" if isinstance(outcome, Completion) else outcome.reason
    assert len(said.splitlines()) <= 1
    assert len(said) < LONGEST_QUOTE + 300


@pytest.mark.parametrize(
    ("message", "corrected"),
    [
        ("Unsupported parameter: 'max_tokens'", Dialect(limit="max_completion_tokens")),
        ("max_tokens is deprecated", Dialect(limit="max_completion_tokens")),
        ("use max_completion_tokens instead", Dialect(limit="max_completion_tokens")),
        ("'temperature' does not support 0.2 with this model", Dialect(temperature=False)),
        ("temperature must be at most 2", Dialect()),
        ("max_tokens must be at most 8192", Dialect()),
        ("this model does not support images", Dialect()),
    ],
)
def test_only_parameters_that_are_not_supported_change_the_dialect(message, corrected):
    assert Dialect().corrected(Problem(message)) == corrected
    assert corrected.corrected(Problem(message)) == corrected


def test_dialects_say_the_same():
    asked = request(temperature=0.5)
    plain, other = (
        Dialect().fields(asked),
        Dialect(limit="max_completion_tokens", temperature=False).fields(asked),
    )
    assert (plain["max_tokens"], plain["temperature"]) == (1_000, 0.5)
    assert other == {"model": asked.model, "messages": plain["messages"], "max_completion_tokens": 1_000}
    assert "temperature" not in Dialect().fields(request())
