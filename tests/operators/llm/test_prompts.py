"""Prompts: what each operator asks in each situation, word for word, and what never stands in them."""

from __future__ import annotations

import pytest

from evo.evaluation import Status
from evo.selection import UNFIT
from operators.llm.reflect import ADVICE
from operators.llm.templates import LIMITS, PROMPTS, Templates, fenced
from tests.operators.llm.goldens import GOLDEN, texts
from tests.operators.llm.prompted import FEEDBACK

TEXTS = texts()


@pytest.mark.parametrize("name", TEXTS)
def test_a_prompt_is_the_golden_one(name: str):
    """Where the change is meant: `python -m tests.operators.llm.goldens` writes them anew."""
    assert TEXTS[name].splitlines() == (GOLDEN / name).read_text().splitlines()


def test_there_is_no_other_golden_prompt():
    assert {path.name for path in GOLDEN.iterdir()} == set(TEXTS)


def test_each_status_that_reflection_can_meet_has_a_prompt():
    met = set(Status) - UNFIT - {Status.PASSED}
    assert set(ADVICE) == set(FEEDBACK) == met
    for status in met:
        text = TEXTS[f"reflect_{status.lower()}.md"]
        assert FEEDBACK[status] in text
        assert ADVICE[status] in text


def test_every_template_is_used():
    named = {path.stem for path in PROMPTS.glob("*.md")}
    included = {
        name for name in named if any(f'"{name}.md"' in path.read_text() for path in PROMPTS.glob("*.md"))
    }
    assert named - included == {
        "system",
        "generate",
        "optimise",
        "combine",
        "reflect",
        "fresh_start",
        "correct",
    }


def test_history_goes_from_slow_to_fast():
    text = TEXTS["optimise.md"]
    assert text.index("## Kernel 0") < text.index("## Kernel 1") < text.index("make faster: 2")
    assert "Kernel 0" not in TEXTS["optimise_bare.md"]


def test_what_is_switched_off_is_not_there():
    for words in ("Strategy:", "Worth knowing", "another task", "Strategies tried", "direction"):
        assert words in TEXTS["optimise.md"]
        assert words not in TEXTS["optimise_bare.md"]


def test_latencies_say_where_they_come_from():
    assert all("modelled" in TEXTS[name] for name in TEXTS if "| ms |" in TEXTS[name])


def test_a_fence_holds_whatever_is_in_it():
    for text in ("", "x = 1", "```\nprint()\n```", "`````"):
        first, *_, last = fenced(text, "python").splitlines()
        assert first == f"{last}python"
        assert last not in text


def test_a_fact_that_is_missing_is_an_error():
    from jinja2 import UndefinedError

    with pytest.raises(UndefinedError, match="reason"):
        Templates().render("correct", {})


def test_every_bound_has_its_words():
    from evo.evaluation import Bound

    assert set(LIMITS) == set(Bound)
