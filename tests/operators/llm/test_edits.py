"""Search and replace blocks: found once, however they are indented, or refused with the place."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from operators.llm.edits import Edit, NoEdit, applied, edits_in

SOURCE = """def f(x):
    if x:
        return 1
    y = 2
    y = 2
    return y
"""


def told(edits: list[Edit], source: str = SOURCE) -> str:
    found = applied(edits, source)
    assert isinstance(found, NoEdit), found
    return found.reason


def test_blocks_are_read_in_order_fences_left_out():
    text = (
        "one\n<<<<<<< SEARCH\n```python\na\n```\n=======\nb\nc\n>>>>>>> REPLACE\n"
        "two\n  <<<<<SEARCH\nd\n=====\n>>>>> replace\n"
    )
    assert edits_in(text) == (Edit("a", "b\nc"), Edit("d", ""))
    assert edits_in("a title\n=======\nprose") == ()


def test_blocks_that_are_not_whole_are_refused():
    for text in ("<<<<<<< SEARCH\na", "<<<<<<< SEARCH\na\n=======\nb", "<<<<<<< SEARCH\na\n>>>>>>> REPLACE"):
        assert isinstance(edits_in(text), NoEdit)
    nested = "<<<<<<< SEARCH\na\n<<<<<<< SEARCH\nb\n=======\nc\n>>>>>>> REPLACE"
    assert edits_in(nested) == NoEdit("block 1 is not SEARCH, =======, REPLACE in this order")


def test_what_is_looked_for_may_be_indented_otherwise():
    one_line = [Edit("return 1", "z = 3\nreturn z")]
    assert applied(one_line, SOURCE) == SOURCE.replace("        return 1", "        z = 3\n        return z")
    deeper = [
        Edit("            if x:\n                return 1", "            if not x:\n                return 0")
    ]
    assert applied(deeper, SOURCE) == SOURCE.replace(
        "    if x:\n        return 1", "    if not x:\n        return 0"
    )
    trailing = [Edit("    if x:   \n        return 1\t", "    return 5")]
    assert applied(trailing, SOURCE) == SOURCE.replace("    if x:\n        return 1", "    return 5")
    blank_ends = [Edit("\n\n    return y\n\n", "    return 9")]
    assert applied(blank_ends, SOURCE) == SOURCE.replace("    return y", "    return 9")


def test_what_is_not_there_once_is_refused_with_the_block():
    assert told([Edit("    if x:", "    if y:"), Edit("    if x:", "")]).startswith(
        "block 2: SEARCH must occur in"
    )
    assert told([Edit("    y = 2", "")]) == (
        "block 1: SEARCH must occur once in the kernel, got 2 places; add lines to it"
    )
    assert "'    nothing'" in told([Edit("    if x:\n    nothing", "")])
    assert "got none" in told([Edit(" \n", "x")])


lines = st.lists(
    st.text("ab =():", min_size=1, max_size=6).map(lambda text: f"    {text}"), min_size=1, max_size=8
)


@given(lines, st.data())
@settings(max_examples=80, deadline=None)
def test_a_slice_is_replaced_where_it_stands(before: list[str], data: st.DataObject):
    marked = [f"{line}#{place}" for place, line in enumerate(before)]
    start = data.draw(st.integers(0, len(marked) - 1))
    end = data.draw(st.integers(start + 1, len(marked)))
    after = data.draw(st.lists(st.sampled_from(["    x = 1", "", "    # y"]), max_size=3))
    after = [] if after == [""] else after  # which blocks cannot tell apart
    margin = data.draw(st.sampled_from(["", "  "]))
    search = "\n".join(margin + line for line in marked[start:end])
    replace = "\n".join(margin + line if line.strip() else line for line in after)
    found = applied([Edit(search, replace)], "\n".join(marked))
    assert found == "\n".join([*marked[:start], *after, *marked[end:]])
