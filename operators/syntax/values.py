"""Which names hold equal values along straight-line statements of a kernel (value numbering)."""

from __future__ import annotations

import ast

import libcst as cst

from operators.syntax.nodes import called, walk

_IMPURE = ("atomic", "load", "store", "inline_asm", "rand", "barrier", "print", "assert", "descriptor")
_BUILTINS = ("abs", "float", "max", "min", "range")
_BLANK = cst.Module([])


def code_of(node: cst.CSTNode) -> str:
    """Return the source text of a node that stands by itself."""
    return _BLANK.code_for_node(node)


def is_pure(expression: cst.BaseExpression) -> bool:
    """Return whether an expression computes from the names in it alone, touching no memory."""
    nodes = list(walk(expression))
    plain = not any(isinstance(node, cst.FormattedString | cst.NamedExpr) for node in nodes)
    return plain and all(is_pure_call(node) for node in nodes if isinstance(node, cst.Call))


def is_pure_call(call: cst.Call) -> bool:
    """Return whether a call, its arguments aside, only computes."""
    name = called(call)
    if name is None:  # a method of an expression, such as `(a + b).to(tl.float32)`
        return isinstance(call.func, cst.Attribute) and call.func.attr.value == "to"
    known = name.startswith(("tl.", "triton.")) or name in _BUILTINS or name.endswith(".to")
    return known and not any(word in name for word in _IMPURE)


class Values:
    """What each name holds, as a number: equal numbers mean equal values."""

    def __init__(self) -> None:
        self._held: dict[str, str] = {}
        self._numbers: dict[str, str] = {}
        self._epoch = 0

    def number(self, expression: cst.CSTNode | None) -> str:
        """Return the number of a pure expression's value; that of None is its own."""
        if expression is None:
            return "none"
        if isinstance(expression, cst.Name):
            return self._of_name(expression.value)
        tree = ast.parse(f"({code_of(expression)}\n)", mode="eval")
        for node in ast.walk(tree):
            if isinstance(node, ast.Name):
                node.id = self._of_name(node.id)
        return self.intern(ast.dump(tree.body))

    def intern(self, text: str) -> str:
        """Return the number of what a text describes."""
        return self._numbers.setdefault(text, f"v{len(self._numbers)}")

    def assign(self, name: str, number: str | None) -> None:
        """Note that a name now holds a value; None means one not seen before."""
        self._held[name] = self.intern(f"new {len(self._numbers)}") if number is None else number

    def holder(self, number: str) -> str | None:
        """Return a name that holds a value now, the longest known first."""
        return next((name for name, held in self._held.items() if held == number), None)

    def holds(self, name: str, number: str) -> bool:
        """Return whether a name is known to hold a value now."""
        return self._held.get(name) == number

    def forget(self) -> None:
        """Forget what every name holds."""
        self._held.clear()
        self._epoch += 1

    def _of_name(self, name: str) -> str:
        return self._held.get(name) or self.intern(f"{name} of epoch {self._epoch}")
