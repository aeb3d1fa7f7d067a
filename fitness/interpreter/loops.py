"""Loops of kernels as a device runs them: the variable of a loop is a scalar of Triton, not Python's `int`.

The interpreter runs `for i in range(...)` and `tl.range(...)` as Python does, so that `i.to(tl.int64)` fails,
which every device takes. Here such loops go over `TURNS` instead, whose values are scalars.
"""

from __future__ import annotations

import ast
import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from triton.language import core as tl
from triton.runtime import interpreter

from fitness.host import replaced

TURNS = "kernevo_turns_of_a_loop"


class LoopTransformer(interpreter.ASTTransformer):  # type: ignore[misc]
    """The interpreter's rewriting of a kernel's syntax, loops included."""

    def visit_For(self, node: ast.For) -> ast.For:
        """Have a loop over `range` or `tl.range` go over `TURNS`; `tl.static_range` counts in Python."""
        self.generic_visit(node)
        called = node.iter.func if isinstance(node.iter, ast.Call) else None
        name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
        if isinstance(node.iter, ast.Call) and name == "range":
            node.iter.func = ast.copy_location(ast.Name(id=TURNS, ctx=ast.Load()), node.iter)
        return node


def turns(arg1: Any, arg2: Any = None, step: Any = None, **_options: Any) -> Iterator[tl.tensor]:
    """Yield the values of a loop's variable, in 64 bits if any of its bounds has them, else in 32."""
    bounds = [0, arg1, 1] if arg2 is None else [arg1, arg2, 1]
    if step is not None:
        bounds[2] = step
    wide = any(_is_wide(bound) for bound in bounds)
    dtype, kept = (tl.int64, np.int64) if wide else (tl.int32, np.int32)
    for value in range(*bounds):
        yield tl.tensor(interpreter.TensorHandle(np.array([value], dtype=kept), dtype), dtype)


def _is_wide(bound: Any) -> bool:
    if isinstance(bound, tl.tensor):
        return bool(bound.dtype.primitive_bitwidth == np.iinfo(np.int64).bits)
    whole = int(bound)
    return not np.iinfo(np.int32).min <= whole <= np.iinfo(np.int32).max


@contextlib.contextmanager
def scalar_loops() -> Iterator[None]:
    """Rewrite the kernels that are first interpreted meanwhile with such loops."""
    # The interpreter hands its own module's names to the kernels that it rewrites.
    setattr(interpreter, TURNS, turns)
    try:
        with replaced(interpreter.FunctionRewriter, "ast_transformer", LoopTransformer()):
            yield
    finally:
        delattr(interpreter, TURNS)
