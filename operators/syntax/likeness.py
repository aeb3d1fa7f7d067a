"""Whether two pieces of source say the same, their layout and comments aside."""

from __future__ import annotations

import ast
import textwrap

import libcst as cst

from operators.syntax.values import code_of


def likeness(code: str, *, sizes: bool = True) -> str:
    """Return a text that pieces of source share if they say the same; all integers are one if not `sizes`.

    The code is a block of statements or a fragment of an expression; what Python cannot parse by itself is
    compared as it is written.
    """
    for text in (textwrap.dedent(code), f"({code}\n)"):
        try:
            tree = ast.parse(text)
        except SyntaxError:
            continue
        for node in ast.walk(tree):
            if not sizes and isinstance(node, ast.Constant) and type(node.value) is int:
                node.value = 0
        return ast.dump(tree)
    return " ".join(code.split())


def body_likeness(function: cst.FunctionDef) -> str:
    """Return the likeness of what a function does, its name, parameters and decorators aside."""
    bare = function.with_changes(name=cst.Name("body"), params=cst.Parameters(), returns=None)
    return likeness(code_of(bare.with_changes(decorators=(), leading_lines=(), lines_after_decorators=())))


def parameters_likeness(function: cst.FunctionDef) -> str:
    """Return the likeness of a function's parameters: names, annotations and defaults."""
    return likeness(f"def parameters({code_of(function.params)}\n): pass")
