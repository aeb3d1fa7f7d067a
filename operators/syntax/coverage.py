"""Whether a launch's grid covers a length: as many programs along an axis as blocks fit into it."""

from __future__ import annotations

import libcst as cst

from operators.syntax.definitions import Definitions, definitions_of
from operators.syntax.kernel_module import Launch
from operators.syntax.nodes import called, names_in
from operators.syntax.values import code_of


def covers_exactly(launch: Launch, axis: int, length: str, size: cst.BaseExpression) -> bool:
    """Return whether a launch has `triton.cdiv(length, size)` programs along an axis.

    Args:
        launch: the launch.
        axis: 0, 1 or 2.
        length: the kernel's parameter that holds the length.
        size: the kernel's constexpr parameter for the size, or a literal.
    """
    host = definitions_of(launch.host)
    count = _programs(launch, axis, host)
    if (
        not isinstance(count, cst.Call)
        or called(count) not in ("triton.cdiv", "cdiv")
        or len(count.args) != 2
    ):
        return False
    whole, part = count.args[0].value, count.args[1].value
    if any(each.star or each.keyword for each in count.args) or length not in launch.bound:
        return False
    return _same(whole, launch.bound[length].value, host) and (
        _is_entry(part, size) or _same(part, _given(size, launch), host)
    )


def _programs(launch: Launch, axis: int, host: Definitions) -> cst.BaseExpression | None:
    """Return how many programs there are along an axis, as far as the source says."""
    parts = [
        each.slice.value
        for each in launch.grid
        if isinstance(each, cst.SubscriptElement) and isinstance(each.slice, cst.Index)
    ]
    if len(parts) != len(launch.grid) or not parts:
        return None
    if len(parts) == 1 and _is_bare(launch.grid[0]):
        grid = _resolved(parts[0], host)
        if isinstance(grid, cst.Lambda):
            grid = grid.body
        if not isinstance(grid, cst.Tuple | cst.List):
            return None
        parts = [each.value for each in grid.elements if isinstance(each, cst.Element)]
        if len(parts) != len(grid.elements):
            return None
    return _resolved(parts[axis], host) if axis < len(parts) else None


def _is_bare(element: cst.CSTNode) -> bool:
    """Return whether an index is a grid by itself, not the one part of a grid, as in `kernel[blocks,]`."""
    return isinstance(element, cst.SubscriptElement) and not isinstance(element.comma, cst.Comma)


def _given(size: cst.BaseExpression, launch: Launch) -> cst.BaseExpression | None:
    if isinstance(size, cst.Name):
        return launch.bound[size.value].value if size.value in launch.bound else None
    return size


def _is_entry(node: cst.BaseExpression, size: cst.BaseExpression) -> bool:
    """Return whether an expression is `meta["SIZE"]`."""
    match node:
        case cst.Subscript(slice=[cst.SubscriptElement(slice=cst.Index(value=cst.SimpleString() as key))]):
            return isinstance(size, cst.Name) and key.evaluated_value == size.value
    return False


def _same(one: cst.BaseExpression, other: cst.BaseExpression | None, host: Definitions) -> bool:
    """Return whether two expressions of a host have the same value, wherever in it they stand."""
    if other is None:
        return False
    one, other = _resolved(one, host), _resolved(other, host)
    fixed = all(_is_fixed(name, host) for name in names_in(one) | names_in(other))
    return fixed and code_of(one) == code_of(other)


def _is_fixed(name: str, host: Definitions) -> bool:
    return name not in host.changed and name not in host.loops and len(host.values.get(name, ())) <= 1


def _resolved(node: cst.BaseExpression, host: Definitions) -> cst.BaseExpression:
    """Follow a name that is given one value to that value, however far back."""
    seen = set[str]()
    while isinstance(node, cst.Name) and node.value not in seen and len(host.only(node.value)) == 1:
        seen.add(node.value)
        node = host.only(node.value)[0]
    return node
