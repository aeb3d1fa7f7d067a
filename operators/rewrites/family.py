"""What a family of rewrites is: it finds the variants of a module that it can make."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

import libcst as cst
import msgspec

from operators.syntax.edits import Edits, edited

Backend = Literal["cuda", "hip"]


class Variant(msgspec.Struct, frozen=True, eq=False):
    """One thing that a family can make of a module; its source is rendered when asked for.

    Attributes:
        summary: what is done, such as `num_warps 4 -> 8`.
        module: the module as it was.
        edits: what changes.
    """

    summary: str
    module: cst.Module
    edits: Edits

    def source(self) -> str:
        """Return the source of the module with the edits made."""
        return edited(self.module, self.edits)


class Rewrite(Protocol):
    """A family of syntactic rewrites."""

    @property
    def name(self) -> str:
        """Unique among the families; the operator made of it bears it."""

    def variants(self, module: cst.Module) -> Sequence[Variant]:
        """Return the variants, in an order that depends on the source alone; empty if it does not apply."""
