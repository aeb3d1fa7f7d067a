"""A row in two blocks: the largest power of two that is less than the row, and another for the rest.

A row of 5,000 elements in one block takes 8,192 lanes, of which 3,192 do nothing but hold registers. Blocks
of 4,096 and 1,024 take 5,120.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import libcst as cst

from operators.rewrites.family import Variant
from operators.syntax.kernel_module import JitFunction, KernelModule, Launch, read_module
from operators.syntax.literals import expressions_behind, strings_in
from operators.syntax.nodes import called, dotted, names_in, walk
from operators.syntax.two_blocks import in_two_blocks
from operators.syntax.values import code_of


class SplitRow:
    """The family `split_row`."""

    name = "split_row"

    def variants(self, module: cst.Module) -> Sequence[Variant]:
        """Return one variant for each kernel whose programs hold a row each in one block."""
        read = read_module(module)
        return [variant for function in read.functions.values() for variant in _of(function, read)]


def _of(function: JitFunction, module: KernelModule) -> Iterator[Variant]:
    """Yield nothing for a kernel to which decorators tell more of its block than its launches do."""
    launches = module.launches_of(function)
    decorators = [dotted(each.decorator) for each in function.node.decorators]
    if not launches or len(decorators) != 1 or module.inner(function) or not module.imports_triton:
        return
    for block in sorted(function.constexprs):
        rows = {launch: row for launch in launches if (row := _row(launch, block)) is not None}
        split = in_two_blocks(function.node.body.body, function, block)
        if split is not None and len(rows) == len(launches):
            summary = f"{function.name} row of {block} in two blocks"
            yield Variant(summary, module.module, split.edits(function, rows))


def _row(launch: Launch, block: str) -> str | None:
    """Return the length of the row that a launch holds in one block, if it says nothing else of the block."""
    value = launch.bound[block].value if block in launch.bound and not launch.spread else None
    if value is None or called(value) != "triton.next_power_of_2":
        return None
    (row, *more) = cst.ensure_type(value, cst.Call).args
    given = [argument.value for name, argument in launch.bound.items() if name != block]
    strings = strings_in(expressions_behind([*launch.grid, *given], launch.host))
    computed = any(isinstance(each, cst.Call) for each in walk(row.value))  # such as what is left of a row
    if more or row.keyword is not None or row.star or block in strings or computed:
        return None
    return code_of(row.value) if names_in(row.value) else None
