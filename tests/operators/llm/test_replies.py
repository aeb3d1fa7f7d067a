"""Replies: modules and blocks in whatever wrapping, and a reason where there is none."""

from __future__ import annotations

import ast
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operators.llm.replies import LONGEST_STRATEGY, Answer, Unusable, read_reply
from tests.operators.kernels import ADD, SOFTMAX

ENTRY = "add"
OTHER = ADD.replace("512", "1024")


def source_of(text: str, base: str | None = None, cut_off: str = "") -> str:
    answer = read_reply(text, ENTRY, base, cut_off)
    assert isinstance(answer, Answer), answer
    return answer.source


def reason_of(text: str, base: str | None = None, cut_off: str = "") -> str:
    answer = read_reply(text, ENTRY, base, cut_off)
    assert isinstance(answer, Unusable), answer
    return answer.reason


INDENTED = "\n".join(f"   {line}" for line in ADD.split("\n"))
KERNEL, HOST = ADD[: ADD.index("def add(")], ADD[ADD.index("def add(") :]
WRAPPINGS = {
    "fenced": f"```python\n{ADD}```",
    "between prose": f"Here it is.\n\n```python\n{ADD}```\nIt should be **faster**.",
    "another tag": f"```triton\n{ADD}```",
    "no tag": f"```\n{ADD}```",
    "tag with more": f"```python title=kernel.py\n{ADD}```",
    "tildes": f"~~~py\n{ADD}~~~",
    "four ticks": f"````python\n{ADD}````",
    "no final newline": f"```python\n{ADD.rstrip()}\n```",
    "carriage returns": f"Strategy: x\r\n```python\r\n{ADD}```".replace("\n", "\r\n"),
    "old carriage returns": f"```python\n{ADD}```".replace("\n", "\r"),
    "in a list": f"1. The kernel:\n\n   ```python\n{INDENTED}\n   ```\n",
    "unfenced": ADD,
    "unfenced between prose": f"Sure, this is the kernel:\n{ADD}\nThis computes the sum of two tensors.\n",
    "fence not closed": f"```python\n{ADD}",
    "thought first": f"<think>\n```python\ndef add(): pass\n```\n</think>\n```python\n{ADD}```",
    "the parent quoted first": f"Before:\n```python\n{OTHER}```\nAfter:\n```python\n{ADD}```",
    "how it is called after it": f"```python\n{ADD}```\nRun it:\n```bash\npython kernel.py\n```",
    "in two blocks": f"```python\n{KERNEL}```\nThe host code:\n```python\n{HOST}```",
}


@pytest.mark.parametrize("text", WRAPPINGS.values(), ids=WRAPPINGS.keys())
def test_a_module_is_found_in_any_wrapping(text: str):
    assert ast.dump(ast.parse(source_of(text))) == ast.dump(ast.parse(ADD))


def test_lone_surrogates_do_no_harm():
    assert ast.parse(source_of(f"\ud800\n```python\n{ADD}```"))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "the reply holds no code"),
        ("I cannot help with that.", "the reply holds no code"),
        ("```python\n```", "define the entry point 'add', got no function"),
        (f"```python\n{SOFTMAX}```", "define the entry point 'add', got softmax, softmax_kernel"),
        (f"```python\n{ADD}    return (\n```", "the module does not parse"),
        ("```python\ndef add(x, y):\n    return x +\n```", r"does not parse: .* \(line 2\)"),
        ("```python\n" + "(" * 5000 + "\n```", "the module does not parse"),
        ("```python\nx = '\0'\n```", "the module does not parse"),
        ("<<<<<<< SEARCH\na\n=======\nb\n>>>>>>> REPLACE", "nothing to be applied to"),
    ],
)
def test_what_holds_no_module_says_why(text: str, told: str):
    assert re.search(told, reason_of(text))


def test_a_module_that_was_cut_off_is_not_taken_for_whole():
    cut = f"```python\n{ADD}"
    assert "tokens" in reason_of(cut, cut_off="the reply was cut off after 99 tokens")
    whole = f"```python\n{ADD}```\nAnd now I will explain at"
    assert source_of(whole, cut_off="the reply was cut off after 99 tokens") == ADD


BLOCK = "<<<<<<< SEARCH\n{}\n=======\n{}\n>>>>>>> REPLACE\n"


def test_blocks_change_the_parent():
    text = "Strategy: tiles\n" + BLOCK.format("        BLOCK=512,  # the tile", "        BLOCK=1024,")
    assert source_of(text, ADD) == ADD.replace("        BLOCK=512,  # the tile", "        BLOCK=1024,")
    assert source_of(f"```diff\n{text}```", ADD) == source_of(text, ADD)
    assert source_of(text.replace("\n", "\r\n"), ADD) == source_of(text, ADD)


def test_blocks_that_do_not_apply_or_break_the_kernel_say_why():
    assert "block 1: SEARCH must occur in the kernel" in reason_of(BLOCK.format("nothing", "x"), ADD)
    assert "with the blocks applied, the module does not parse" in reason_of(
        BLOCK.format("    return out", "    return ("), ADD
    )
    cut = reason_of("<<<<<<< SEARCH\n    return out\n=====", ADD, cut_off="the reply was cut off")
    assert cut.startswith("the reply was cut off; block 1 does not end")


def test_a_whole_module_will_do_where_blocks_may_be_sent():
    assert source_of(f"```python\n{ADD}```", OTHER) == ADD


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("Strategy: one pass", "one pass"),
        ("**Strategy:** one *pass*", "one *pass"),
        ("## Strategy: one pass", "one pass"),
        ("- strategy — one pass", "one pass"),
        ("STRATEGY:\n\n  one pass", "one pass"),
        ("Strategy:   one\tpass  ", "one pass"),
        ("A strategy-proof idea", ""),
        ("", ""),
        ("Strategy:", ""),
    ],
)
def test_the_strategy_is_the_line_that_says_so(line: str, named: str):
    answer = read_reply(f"{line}\n\n```python\n{ADD}```", ENTRY)
    assert isinstance(answer, Answer)
    assert answer.strategy == named


@given(
    st.text() | st.binary().map(lambda raw: raw.decode(errors="surrogateescape")),
    st.sampled_from([None, ADD, ""]),
)
@settings(max_examples=60, deadline=None)
def test_no_text_whatever_raises(text: str, base: str | None):
    answer = read_reply(text, ENTRY, base)
    words = answer.strategy if isinstance(answer, Answer) else answer.reason
    assert "\n" not in words or isinstance(answer, Unusable)
    if isinstance(answer, Answer):
        assert len(words) <= LONGEST_STRATEGY


PIECES = [
    "```", "```python", "~~~", "<<<<<<< SEARCH", "=======", ">>>>>>> REPLACE", "Strategy: s", "def add():",
    "    return out", "    pass", "import torch", "", "prose", "<think>", "</think>", "(", "'''",
]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=14).map("\n".join), st.sampled_from([None, ADD]))
@settings(max_examples=150, deadline=None)
def test_no_mixture_of_marks_raises(text: str, base: str | None):
    answer = read_reply(text, ENTRY, base, "")
    if isinstance(answer, Answer):
        assert "add" in {
            node.name for node in ast.parse(answer.source).body if isinstance(node, ast.FunctionDef)
        }


prose = st.text(st.characters(codec="utf-8", exclude_characters="`~<>=\r\n"), max_size=40)
bodies = st.lists(
    st.sampled_from(["x = 1", "# note ` `` x", "y = '== <<'", "", "z = (2,\n     3)"]), max_size=6
)


@given(prose, bodies, prose)
@settings(max_examples=60, deadline=None)
def test_a_module_comes_back_as_it_was_written(before: str, body: list[str], after: str):
    source = "\n".join([*body, "def add(x):", "    return x"]).strip("\n") + "\n"
    assert source_of(f"{before}\n```python\n{source}```\n{after}") == source
