"""An observer that hands everything on to another one, which can be exchanged between programs."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from fitness.interpreter.builder import Mask, Observer


class Forwarding:
    """Hands everything on to `to`; with none set, everything is carried out unseen."""

    def __init__(self) -> None:
        self.to: Observer | None = None

    def access(self, kind: str, addresses: NDArray[Any], mask: Mask, dtype: Any) -> bool:
        """Hand an access on."""
        return self.to.access(kind, addresses, mask, dtype) if self.to else True

    def compute(self, operation: str, result: NDArray[Any], floating: bool) -> None:
        """Hand an operation on."""
        if self.to:
            self.to.compute(operation, result, floating)

    def multiply(self, left: NDArray[Any], right: NDArray[Any], dtype: Any, precision: str) -> bool:
        """Hand a product on."""
        return self.to.multiply(left, right, dtype, precision) if self.to else True

    def reduce(self, elements: int, length: int, innermost: bool) -> None:
        """Hand a reduction on."""
        if self.to:
            self.to.reduce(elements, length, innermost)
