"""Reductions and scans with a combine function of the kernel's own, in log2(n) vectorised steps.

Triton's interpreter calls the combine function once an element. It is elementwise by contract, so here it is
called on whole blocks: neighbours are combined pairwise, as a GPU does.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def tree_reduce(operation: Any, inputs: tuple[Any, ...]) -> list[Any]:
    """Stand in for `ReduceOps.generic_reduce`: reduce along `operation.axis` (all axes if it is None).

    Args:
        operation: Triton's `ReduceOps`.
        inputs: blocks of one shape, whose length along the axis is a power of two.
    """
    rank = inputs[0].handle.data.ndim
    axis = operation.axis
    blocks = [
        each.handle.data.reshape(-1) if axis is None else np.moveaxis(each.handle.data, axis, -1)
        for each in inputs
    ]
    while blocks[0].shape[-1] > 1:
        evens, odds = [each[..., 0::2] for each in blocks], [each[..., 1::2] for each in blocks]
        blocks = _combine(operation, inputs, evens, odds)
    results = []
    for block, given in zip(blocks, inputs, strict=True):
        if operation.keep_dims:
            data = block.reshape((1,) * rank) if axis is None else np.moveaxis(block, -1, axis)
        else:
            data = block[..., 0]
        results.append(operation.to_tensor(data if data.shape else data.item(), given.dtype))
    return results


def tree_scan(operation: Any, inputs: tuple[Any, ...]) -> list[Any]:
    """Stand in for `ScanOps.generic_scan`: inclusive scan along `operation.axis`."""
    blocks = [np.moveaxis(each.handle.data, operation.axis, -1) for each in inputs]
    length = blocks[0].shape[-1]
    distance = 1
    while distance < length:
        earlier = [np.roll(each, distance, axis=-1) for each in blocks]
        combined = _combine(operation, inputs, earlier, blocks)
        reached = np.arange(length) >= distance
        blocks = [np.where(reached, new, old) for new, old in zip(combined, blocks, strict=True)]
        distance *= 2
    return [
        operation.to_tensor(np.moveaxis(block, -1, operation.axis), given.dtype)
        for block, given in zip(blocks, inputs, strict=True)
    ]


def combines_by_element(combine: Any) -> bool:
    """Return whether a combine function decides by Python's `if`, which works on single elements only."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(combine.fn)))
    except (OSError, TypeError, SyntaxError):
        return True
    return any(isinstance(node, ast.If | ast.IfExp | ast.While) for node in ast.walk(tree))


def _combine(operation: Any, inputs: tuple[Any, ...], left: list[Array], right: list[Array]) -> list[Array]:
    """Return the blocks that the combine function makes of two lists of blocks."""
    tensors = [
        operation.to_tensor(np.ascontiguousarray(block), given.dtype)
        for side in (left, right)
        for block, given in zip(side, inputs, strict=True)
    ]
    combined = operation.combine_fn.fn(*tensors)
    combined = combined if isinstance(combined, tuple) else (combined,)
    return [
        np.asarray(each.handle.data).astype(given.handle.data.dtype, copy=False)
        for each, given in zip(combined, inputs, strict=True)
    ]
