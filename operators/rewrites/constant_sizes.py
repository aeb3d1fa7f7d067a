"""Sizes made constants, for each of which the kernel is compiled anew: rows of 5,000 begin at multiples of 8.

Triton sees of an argument only whether 16 divides it, and takes all others for odd: every access along such a
row is then one element wide, and none is asynchronous.
"""

from __future__ import annotations

from collections.abc import Sequence

import libcst as cst

from operators.rewrites.family import Variant
from operators.syntax.edits import Change
from operators.syntax.host_sizes import sizes_of
from operators.syntax.kernel_module import JitFunction, KernelModule, read_module
from operators.syntax.nodes import bound_names, names_in, walk


class ConstantSizes:
    """The family `constant_sizes`."""

    name = "constant_sizes"

    def variants(self, module: cst.Module) -> Sequence[Variant]:
        """Return for each kernel the one to which the sizes that it multiplies by are constants.

        Those are lengths of rows; how many rows there are changes more often, and no access depends on it.
        """
        read = read_module(module)
        return [
            Variant(f"{function.name} {', '.join(sizes)} constant", module, _edits(function, sizes))
            for function in read.functions.values()
            if (sizes := _sizes(read, function))
        ]


def _sizes(module: KernelModule, function: JitFunction) -> list[str]:
    """Return the sizes to make constants: none that is rebound, or read an attribute of."""
    sizes = sizes_of(module, function)
    usable = _factors(function) - bound_names(function.node.body) - _of_attributes(function)
    return [each for each in sizes if each in usable]


def _of_attributes(function: JitFunction) -> set[str]:
    """Return the names whose attributes are read, as in `n.to(tl.int64)`."""
    return {
        node.value.value
        for node in function.body()
        if isinstance(node, cst.Attribute) and isinstance(node.value, cst.Name)
    }


def _factors(function: JitFunction) -> set[str]:
    """Return the names that stand in products."""
    return {
        name
        for node in walk(function.node.body)
        if isinstance(node, cst.BinaryOperation) and isinstance(node.operator, cst.Multiply)
        for name in names_in(node)
    }


def _edits(function: JitFunction, sizes: Sequence[str]) -> dict[cst.CSTNode, Change]:
    params = function.node.params
    every = (*params.posonly_params, *params.params, *params.kwonly_params)
    return {each: _constant for each in every if each.name.value in sizes}


def _constant(node: cst.CSTNode) -> cst.CSTNode:
    """Return a parameter as a constant."""
    return node.with_changes(annotation=cst.Annotation(cst.parse_expression("tl.constexpr")))
