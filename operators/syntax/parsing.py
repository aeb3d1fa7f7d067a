"""From a kernel's source to its syntax tree."""

from __future__ import annotations

import ast
from functools import lru_cache

import libcst as cst

from evo.candidate import Kernel
from operators.syntax.nodes import is_deeper

KEPT = 64  # trees of the kernels read last: every operator reads the same few parents
DEEPEST = 120  # nodes within nodes; what is nested deeper could exhaust the stack, and no one writes it


@lru_cache(maxsize=KEPT)
def parsed(kernel: Kernel) -> cst.Module | None:
    """Return a kernel's syntax tree; None if it is not Python or is nested too deep."""
    try:
        module = cst.parse_module(kernel.source)
        if is_deeper(module, DEEPEST):
            return None
        ast.parse(kernel.source)  # libcst takes more than Python does, such as `f() = 1`
    except (cst.ParserSyntaxError, SyntaxError):
        return None
    return module
