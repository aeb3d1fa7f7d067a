"""The loads and stores of a `@triton.jit` function."""

from __future__ import annotations

from typing import Literal

import libcst as cst
import msgspec

from operators.syntax.definitions import Definitions, definitions_of
from operators.syntax.nodes import argument, called, names_in, walk
from operators.syntax.values import code_of

_CALLS = {"tl.load": "load", "tl.store": "store"}


class Access(msgspec.Struct, frozen=True, eq=False):
    """A load or store.

    Attributes:
        call: the call.
        kind: whether it loads or stores.
        pointer: the expression of the address.
        label: tells it apart in its function, such as `load 2 of x_ptr`.
        buffers: the function's parameters that the address is counted from; one, where it can be told.
        axes: the axes of the grid along which the address may differ from program to program.
    """

    call: cst.Call
    kind: Literal["load", "store"]
    pointer: cst.BaseExpression
    label: str
    buffers: frozenset[str]
    axes: frozenset[str]

    @property
    def mask(self) -> cst.BaseExpression | None:
        """What is masked by, if anything."""
        return argument(self.call, 1 if self.kind == "load" else 2, "mask")


def accesses_of(function: cst.FunctionDef) -> tuple[Access, ...]:
    """Return a function's loads and stores in the order of the source, without those with `*` arguments."""
    definitions = definitions_of(function)
    params = function.params
    every = (*params.posonly_params, *params.params, *params.kwonly_params)
    parameters = frozenset(parameter.name.value for parameter in every)
    axes = _axes_by_name(definitions)
    counts: dict[str, int] = {}
    found = []
    for node in walk(function.body):
        kind = _CALLS.get(called(node) or "")
        if not isinstance(node, cst.Call) or kind is None:
            continue
        counts[kind] = counts.get(kind, 0) + 1
        pointer = argument(node, 0, "pointer")
        if pointer is None or any(each.star for each in node.args):
            continue
        buffers = _starts(pointer, definitions) & parameters
        reached = (axes.get(name, frozenset()) for name in names_in(pointer))
        found.append(
            Access(
                call=node,
                kind="load" if kind == "load" else "store",
                pointer=pointer,
                label=" of ".join((f"{kind} {counts[kind]}", *sorted(buffers))),
                buffers=buffers,
                axes=_axes_in(pointer).union(*reached),
            )
        )
    return tuple(found)


def _axes_by_name(definitions: Definitions) -> dict[str, frozenset[str]]:
    """Return the axes of the grid that each name of a function may depend on."""
    behind: dict[str, list[cst.BaseExpression]] = {
        n: list(values) for n, values in definitions.values.items()
    }
    for name, loops in definitions.loops.items():
        behind.setdefault(name, []).extend(loop.iter for loop in loops)
    axes = {name: frozenset[str]().union(*map(_axes_in, values)) for name, values in behind.items()}
    names = {name: set[str]().union(*map(names_in, values)) & axes.keys() for name, values in behind.items()}
    while [name for name in axes if _grows(name, names[name], axes)]:
        pass  # until no name has more than it had
    return axes


def _grows(name: str, reads: set[str], axes: dict[str, frozenset[str]]) -> bool:
    before = axes[name]
    axes[name] = before.union(*(axes[each] for each in reads))
    return axes[name] != before


def _axes_in(expression: cst.CSTNode) -> frozenset[str]:
    """Return the axes whose program ids an expression asks for itself."""
    calls = (n for n in walk(expression) if isinstance(n, cst.Call) and called(n) == "tl.program_id")
    found = (argument(call, 0, "axis") for call in calls)
    return frozenset(code_of(axis) for axis in found if axis is not None)


def _starts(pointer: cst.BaseExpression, definitions: Definitions) -> frozenset[str]:
    """Return the names that an address is counted from: what stands first in its sums."""
    waiting, seen, found = [pointer], set[str](), set[str]()
    while waiting:
        node = waiting.pop()
        while isinstance(node, cst.BinaryOperation):
            node = node.left
        if isinstance(node, cst.Name) and node.value not in seen:
            seen.add(node.value)
            values = definitions.values.get(node.value, ())
            waiting += values
            found |= set() if values else {node.value}
    return frozenset(found)
