from __future__ import annotations

import libcst as cst
import pytest

from operators.syntax.nodes import children, is_deeper, walk
from tests.operators.kernels import AUTOTUNED, LAYER_NORM, MATMUL, SOFTMAX

# Everything whose parts are declared in another order than they stand in.
ODD = """
@decorated(given, *spread, key=1 if test else other, **more)
async def function(a, /, b: int = 1, *c, d=2, **e) -> result:
    try:
        return [x async for x in y if x] + {k: v for k, v in z}
    except (A, B) as error:
        raise error from None
    match subject:
        case [first, *rest] if guard:
            pass
        case Kind(attribute=1) | {"key": value, **others} as whole:
            pass

@first
class Derived(Base, metaclass=Meta):
    x: int = lambda p, *q: (yield p)
    with a as b, c as d:
        del e, f[1:2:3], g[...]
    while not h: assert i, f"{j!r:>{k}}"
    else: l += (m := n)
    for o in p: global r; import s.t as u; from v import w as x
"""
LAYOUT = (
    cst.BaseParenthesizableWhitespace, cst.EmptyLine, cst.TrailingWhitespace, cst.Newline, cst.Comment,
    cst.Comma, cst.LeftParen, cst.RightParen, cst.AssignEqual, cst.Asynchronous, cst.Dot, cst.Colon,
    cst.LeftSquareBracket, cst.RightSquareBracket, cst.LeftCurlyBrace, cst.RightCurlyBrace, cst.Semicolon,
    cst.ParamStar, cst.ParamSlash,
)  # fmt: skip


def visited(node: cst.CSTNode) -> list[cst.CSTNode]:
    """Return a node and all in it as libcst visits them."""
    return [node, *(inner for child in node.children for inner in visited(child))]


@pytest.mark.parametrize("source", [ODD, SOFTMAX, MATMUL, AUTOTUNED, LAYER_NORM])
def test_walking_meets_what_libcst_visits_in_its_order(source: str):
    module = cst.parse_module(source)
    expected, met = visited(module), list(walk(module))
    assert sorted(map(id, met)) == sorted(map(id, expected))
    for node in expected:
        own, its = (
            [id(each) for each in some if not isinstance(each, LAYOUT)]
            for some in (children(node), node.children)
        )
        assert own == its, type(node).__name__


def test_depth_is_counted_without_recursion():
    flat, deep = (cst.parse_module("x = " + text) for text in ("1 + 2", "-" * 300 + "1"))
    assert not is_deeper(flat, 120)
    assert is_deeper(deep, 120)
