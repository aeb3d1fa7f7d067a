"""Reductions of many passes over a row, made with fewer."""

from __future__ import annotations

from collections.abc import Sequence

import libcst as cst

from operators.rewrites.family import Variant
from operators.rewrites.online import online
from operators.rewrites.whole_row import whole_row
from operators.syntax.kernel_module import read_module


class OnePass:
    """The family `one_pass`."""

    name = "one_pass"

    def variants(self, module: cst.Module) -> Sequence[Variant]:
        """Return for each kernel the row in one block or two, and the maximum kept running beside the sum."""
        read = read_module(module)
        return [
            variant
            for function in read.functions.values()
            for way in (whole_row, online)
            for variant in way(read, function)
        ]
