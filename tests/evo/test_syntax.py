"""Normalised syntax: what changes nothing does not count, and whatever may change something does."""

from __future__ import annotations

import ast
import builtins
import random
from collections.abc import Callable

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from evo.syntax import DEEPEST, syntax_digest
from tests.operators.kernels import ADD, AUTOTUNED, FLIP, LAYER_NORM, MATMUL, SOFTMAX

SOURCES = (SOFTMAX, FLIP, ADD, MATMUL, AUTOTUNED, LAYER_NORM)
KERNEL = """
import triton
import triton.language as tl

SIZE = 64

@triton.jit
def kernel(x, n, BLOCK: tl.constexpr):
    at = tl.arange(0, BLOCK)
    got = tl.load(x + at, mask=at < n)
    for step in range(4):
        got += step
    tl.store(x + at, got)

def entry(x):
    n = x.numel()
    grid = lambda meta: (triton.cdiv(n, meta["BLOCK"]),)
    kernel[grid](x, n, BLOCK=SIZE)
    return x
"""


def same(one: str, other: str) -> bool:
    assert one != other
    return syntax_digest(one) == syntax_digest(other)


def changed(*pairs: tuple[str, str]) -> str:
    source = KERNEL
    for old, new in pairs:
        assert old in source
        source = source.replace(old, new)
    return source


@pytest.mark.parametrize(
    "other",
    [
        "# a note" + KERNEL,
        changed(("at < n)", "(at) <  n)  # masked")),
        changed(("    at =", '    """What it does."""\n    at =')),
        '"""A module."""' + changed(("def entry(x):\n", "def entry(x):\n    'It enters.'\n")),
        changed(("got", "loaded")),
        changed(("got", "held"), ("at", "got"), ("held", "at")),
        changed(("step", "number")),
        changed(("n = x.numel", "m = x.numel"), ("cdiv(n,", "cdiv(m,"), ("x, n, BLOCK=", "x, m, BLOCK=")),
        changed(("grid", "launched_over")),
        changed(("64", "0x40")),
    ],
)  # fmt: skip
def test_what_changes_nothing_does_not_count(other: str):
    assert same(KERNEL, other)


@pytest.mark.parametrize(
    "other",
    [
        changed(("SIZE = 64", "SIZE = 65")),
        changed(("SIZE", "WIDTH")),
        changed(("def kernel", "def other"), ("kernel[grid]", "other[grid]")),
        changed(("BLOCK", "TILE")),
        changed(('meta["BLOCK"]', 'meta["TILE"]')),
        changed(("BLOCK=SIZE", "TILE=SIZE")),
        changed(("def kernel(x,", "def kernel(y,"), ("load(x", "load(y"), ("store(x + at", "store(y + at")),
        changed(("lambda meta", "lambda given"), ("meta[", "given[")),
        changed(("at < n", "at <= n")),
        changed(("(x + at, got)", "(x + at, at)")),
        changed(("got += step", "got = step")),
        changed(("got += step", "got: tl.constexpr = step")),
        changed(("    return x\n", "    'a string'\n    return x\n")),
        changed(("got", "SIZE")),
        changed(("got", "range")),
        changed(("got", "interpreter_semantic")),
        changed(("64", "64.0")),
        changed(("range(4)", "range(True)")),
    ],
)
def test_what_may_change_something_counts(other: str):
    assert not same(KERNEL, other)


@pytest.mark.parametrize(
    "seeing",
    [
        "def f():\n    return locals()\n",
        "def f(x):\n    return x.__class__\n",
        "from math import *\n",
        "import sys\n",
        "def f():\n    try:\n        pass\n    except NameError:\n        pass\n",
        "seen = dir\n",
        "def f(o):\n    return o.eval\n",
    ],
)
def test_local_names_count_where_something_might_see_them(seeing: str):
    assert not same(seeing + KERNEL, seeing + changed(("got", "loaded")))
    assert same(seeing + KERNEL, "# a note\n" + seeing + KERNEL)


@pytest.mark.parametrize(
    "inside",
    [
        "    if n:\n        got = 1\n",
        "    class C:\n        got = 1\n",
        "    match n:\n        case got:\n            pass\n",
        "    def g(got):\n        return got\n",
        "    global got\n",
        "    import got\n",
        "    f = lambda got: got\n",
    ],
)
def test_local_names_count_where_others_of_that_name_are_bound_otherwise(inside: str):
    body = "def f(n):\n    x = 2\n" + inside + "    got = x\n    return got\n"
    assert not same(body, body.replace("got", "loaded"))


def test_names_that_a_module_binds_count_in_all_its_functions():
    module = "{}\ndef f(n):\n    {} = n\n    return {}\n"
    for outer in ("got = 1", "import got", "def got(): pass", "class C:\n    got = 1", "for got in (): pass"):
        assert not same(module.format(outer, "got", "got"), module.format(outer, "x", "x")), outer
    assert same(module.format("other = 1", "got", "got"), module.format("other = 1", "x", "x"))


def test_docstrings_count_where_they_are_read():
    plain = "def f():\n    'a'\n    return 1\n"
    assert same(plain, plain.replace("'a'", "'b'"))
    assert not same(plain + "x = f.__doc__\n", plain.replace("'a'", "'b'") + "x = f.__doc__\n")


@pytest.mark.parametrize(
    "source",
    ["", "# nothing but a note\n", "def f(:\n", "x = " + "-" * (DEEPEST + 5) + "1\n", "x = '\ud800'\n", "\0",
     f"x = 0x{'f' * 6_000}\n", "x = " + "(" * 300 + ")" * 300],
)  # fmt: skip
def test_what_cannot_be_looked_at_is_told_by_its_source(source: str):
    assert len(syntax_digest(source)) == 64
    assert not same(source, source + "# a note\n")


@pytest.mark.parametrize(
    "head",
    [
        "# -*- coding: latin-1 -*-\n",
        "#!python\n# vim: set fileencoding=latin-1 :\n",
        "x = 1 + \\\n    1\n",
        "# coding\r",
    ],
)
def test_what_a_reader_of_lines_may_take_otherwise_is_told_by_its_source(head: str):
    assert not same(head + KERNEL, head + "# a note\n" + KERNEL)
    assert same("x = 1\ny = 2\n# coding: latin-1\n" + KERNEL, "x = 1\ny = 2\n" + KERNEL)


@settings(max_examples=50)
@given(st.text(max_size=80))
def test_any_text_has_an_identity(text: str):
    assert syntax_digest(text) == syntax_digest(text)


@pytest.mark.parametrize("source", SOURCES)
def test_real_kernels_keep_their_identity_whatever_their_layout(source: str):
    assert same(source, ast.unparse(ast.parse(source)))


def renamings(one: ast.AST, other: ast.AST) -> list[tuple[ast.AST, dict[str, str]]] | None:
    """Return what each top-level function renames, if two trees differ in names alone; None if in more."""
    found: list[tuple[ast.AST, dict[str, str]]] = []

    def alike(a: object, b: object, names: dict[str, str] | None) -> bool:
        if isinstance(a, ast.Name) and isinstance(b, ast.Name) and names is not None:
            return names.setdefault(a.id, b.id) == b.id and type(a.ctx) is type(b.ctx)
        if isinstance(a, list) and isinstance(b, list):
            return len(a) == len(b) and all(alike(x, y, names) for x, y in zip(a, b, strict=True))
        if isinstance(a, ast.AST):
            if names is None and isinstance(a, ast.FunctionDef):
                names = {}
                found.append((a, names))
            return type(a) is type(b) and all(
                alike(getattr(a, field, None), getattr(b, field, None), names) for field in a._fields
            )
        return type(a) is type(b) and a == b

    return found if alike(one, other, None) else None


def drawn_change(tree: ast.AST, rng: random.Random) -> None:
    """Change up to two things at random (names, constants, operators, keywords, strings), or rename."""
    nodes = list(ast.walk(tree))
    names = [*sorted({node.id for node in nodes if isinstance(node, ast.Name)}), "fresh", "len", "SIZE"]
    changes: dict[type, Callable[[ast.AST], None]] = {
        ast.Name: lambda node: setattr(node, "id", rng.choice(names)),
        ast.arg: lambda node: setattr(node, "arg", rng.choice(names)),
        ast.keyword: lambda node: setattr(node, "arg", rng.choice(names)),
        ast.Constant: lambda node: setattr(node, "value", rng.choice([0, 1, 2.0, "BLOCK", "n", True, None])),
        ast.BinOp: lambda node: setattr(node, "op", rng.choice([ast.Add(), ast.Mult()])),
        ast.Attribute: lambda node: setattr(node, "attr", rng.choice(["load", "store", "arange"])),
    }
    for _ in range(rng.randrange(3)):
        node = rng.choice([node for node in nodes if type(node) in changes])
        changes[type(node)](node)
    if rng.random() < 0.7:
        [old, new] = rng.choices(names, k=2)
        function = rng.choice([node for node in nodes if isinstance(node, ast.FunctionDef)])
        for node in ast.walk(function):
            if isinstance(node, ast.Name) and node.id == old:
                node.id = new


@settings(max_examples=150, deadline=None)
@given(st.sampled_from([KERNEL, *SOURCES]), st.integers(0, 2**32))
def test_kernels_of_one_identity_differ_by_consistent_local_renaming_alone(source: str, seed: int):
    tree = ast.parse(source)
    drawn_change(tree, random.Random(seed))
    try:
        other = ast.unparse(tree)
        ast.parse(other)
    except (SyntaxError, ValueError):
        assume(False)
    if syntax_digest(source) != syntax_digest(other):
        return
    stripped = [_without_docstrings(ast.parse(each)) for each in (source, other)]
    found = renamings(*stripped)
    assert found is not None
    for function, names in found:
        assert len(set(names.values())) == len(names), "two names became one"
        moved = {old: new for old, new in names.items() if old != new}
        parameters = {node.arg for node in ast.walk(function) if isinstance(node, ast.arg)}
        assert not parameters & {*moved, *moved.values()}
        stored = {
            n.id for n in ast.walk(function) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
        }
        assert moved.keys() <= stored
        outer = {node.id for node in _top(stripped[0]) if isinstance(node, ast.Name)}
        assert not outer & {*moved, *moved.values()}
        assert not {*moved, *moved.values()} & set(dir(builtins))


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Module | ast.FunctionDef)
            and ast.get_docstring(node, clean=False) is not None
        ):
            node.body = node.body[1:]
    return tree


def _top(tree: ast.Module) -> set[ast.AST]:
    """Return the nodes of a module that are in none of its functions."""
    return {node for each in tree.body if not isinstance(each, ast.FunctionDef) for node in ast.walk(each)}
