"""Helpers: `@triton.jit` functions that kernels call, put into them or taken out of them."""

from __future__ import annotations

from collections.abc import Sequence

import libcst as cst

from operators.rewrites.family import Variant
from operators.rewrites.inlined import inlined
from operators.rewrites.split_out import split_out
from operators.syntax.kernel_module import read_module


class Helpers:
    """The family `helpers`."""

    name = "helpers"

    def variants(self, module: cst.Module) -> Sequence[Variant]:
        """Return for each function its helpers inlined, then loop bodies and expressions split out."""
        read = read_module(module)
        return [
            variant
            for function in read.functions.values()
            for way in (inlined, split_out)
            for variant in way(read, function)
        ]
