"""Proofs over a function's names: what holds of all that a name can be given holds of the name."""

from __future__ import annotations

from abc import ABC, abstractmethod

import libcst as cst

from operators.syntax.definitions import Definitions

DEEPEST = 60  # expressions within expressions, names followed; what is further back counts as not proved


class Proof(ABC):
    """Shows a property of expressions, each name looked at once; what cannot be shown does not hold."""

    def __init__(self, definitions: Definitions) -> None:
        """Take the definitions of the function that the expressions stand in."""
        self.definitions = definitions
        self._shown: dict[str, bool] = {}
        self._depth = 0

    def holds(self, expression: cst.BaseExpression) -> bool:
        """Return whether the property is shown of an expression."""
        if self._depth >= DEEPEST:
            return False
        self._depth += 1
        try:
            if isinstance(expression, cst.Name):
                return self._of_name(expression.value)
            return self.of_expression(expression)
        finally:
            self._depth -= 1

    @abstractmethod
    def of_expression(self, expression: cst.BaseExpression) -> bool:
        """Return whether the property is shown of an expression that is no name."""

    @abstractmethod
    def of_loop(self, loop: cst.For) -> bool:
        """Return whether the property is shown of a loop's variable."""

    @abstractmethod
    def of_free_name(self, name: str) -> bool:
        """Return whether the property is shown of a name that the function does not bind."""

    def _of_name(self, name: str) -> bool:
        if name not in self._shown:
            self._shown[name] = False  # while it is looked at, so that no circle proves itself
            self._shown[name] = self._look_at(name)
        return self._shown[name]

    def _look_at(self, name: str) -> bool:
        definitions = self.definitions
        if name in definitions.changed:
            return False
        if not definitions.bound(name):
            return self.of_free_name(name)
        values, loops = definitions.values.get(name, ()), definitions.loops.get(name, ())
        return all(map(self.holds, values)) and all(map(self.of_loop, loops))
