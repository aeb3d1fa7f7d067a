"""Straight-line statements over a block of lanes, made for a block and a further one behind it.

What is computed lane by lane is computed for each of the two, and what reduces the lanes is put together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import libcst as cst
import msgspec

from operators.syntax.edits import Change, Edits, appends_keyword, becomes, with_body
from operators.syntax.kernel_module import JitFunction, Launch
from operators.syntax.nodes import argument, called, fresh_name, names_in
from operators.syntax.parameters import appends_parameters, takes_parameters
from operators.syntax.values import code_of

_REDUCTIONS = {
    "tl.sum": "({head} + {tail})",
    "tl.max": "tl.maximum({head}, {tail})",
    "tl.min": "tl.minimum({head}, {tail})",
}
_BY_LANE = frozenset(
    f"tl.{name}"
    for name in (
        "load", "store", "where", "maximum", "minimum", "clamp", "fma", "cast", "abs", "floor", "ceil", "exp",
        "exp2", "log", "log2", "sqrt", "rsqrt", "sqrt_rn", "div_rn", "sigmoid", "erf", "sin", "cos",
    )
)  # fmt: skip
_SHAPED = ("tl.zeros", "tl.full")


class TwoBlocks(msgspec.Struct, frozen=True, eq=False):
    """What becomes of a function.

    Attributes:
        statements: its statements.
        block, tail: its constants that say how long the block and the further one are.
    """

    statements: Sequence[cst.BaseStatement]
    block: str
    tail: str

    def edits(self, function: JitFunction, rows: Mapping[Launch, str]) -> Edits:
        """Return the edits of a function and its launches, each with the length of its row.

        The block is the largest power of two that is less than the row, the further one holds the rest.
        """
        edits: dict[cst.CSTNode, Change] = {
            function.node.body: with_body(self.statements),
            function.node.params: appends_parameters([], [self.tail]),
        }
        for launch, row in rows.items():
            block = f"max(triton.next_power_of_2({row}) // 2, 1)"
            edits[launch.bound[self.block].value] = becomes(block)
            rest = f"triton.next_power_of_2(max({row} - {block}, 1))"
            edits[launch.call] = appends_keyword(self.tail, rest)
        return edits


def in_two_blocks(statements: Sequence[cst.CSTNode], function: JitFunction, block: str) -> TwoBlocks | None:
    """Return a function's statements for a block and a further one; None if they cannot be told apart.

    Args:
        statements: what the function shall do; its lanes are `tl.arange(0, block)`.
        function: which can be given a further parameter.
        block: its constant that says how long the block is.
    """
    if not takes_parameters(function):
        return None
    taken = names_in(function.node).union(*map(names_in, statements))
    splitting = _Splitting(block, taken)
    try:
        made = [each for statement in statements for each in splitting.statement(statement)]
    except _Unknown:
        return None
    return TwoBlocks(made, block, splitting.tail) if splitting.lanes else None


class _Unknown(Exception):
    """What stands there could mean anything for the lanes."""


class _Pair(NamedTuple):
    """An expression for either block; the very same object twice if it holds no lanes."""

    head: cst.BaseExpression
    tail: cst.BaseExpression

    @property
    def has_lanes(self) -> bool:
        return self.head is not self.tail


class _Splitting:
    """Splits one statement after the other.

    Attributes:
        tail: the constant that says how long the further block is.
        lanes: names that hold lanes, with what they are called for the further block.
    """

    def __init__(self, block: str, taken: set[str]) -> None:
        self._taken = taken
        self._block = block
        self.tail = self._fresh("TAIL")
        self.lanes: dict[str, str] = {}

    def statement(self, statement: cst.CSTNode) -> list[cst.BaseStatement]:
        """Return what stands in a statement's place.

        Raises:
            _Unknown: that cannot be told.
        """
        if not isinstance(statement, cst.BaseStatement):
            raise _Unknown
        if not self._concerns(statement):
            return [statement]
        if not isinstance(statement, cst.SimpleStatementLine) or len(statement.body) != 1:
            raise _Unknown
        first, *further = self._small(statement.body[0])
        return [statement.with_changes(body=[first]), *(cst.SimpleStatementLine([each]) for each in further)]

    def _small(self, line: cst.BaseSmallStatement) -> list[cst.BaseSmallStatement]:
        match line:
            case cst.Assign(targets=[cst.AssignTarget(target=cst.Name(value=name))], value=value):
                return self._assigned(line, name, value)
            case cst.AugAssign(target=cst.Name(value=name), value=value):
                return self._augmented(line, name, self._split(value))
            case cst.Expr(value=cst.Call() as call) if called(call) == "tl.store":
                both = self._split(call)
                return [line.with_changes(value=each) for each in dict.fromkeys(both)]
        raise _Unknown

    def _assigned(
        self, line: cst.Assign, name: str, value: cst.BaseExpression
    ) -> list[cst.BaseSmallStatement]:
        both = self._split(value)
        if not both.has_lanes:
            if name in self.lanes:
                raise _Unknown
            return [line.with_changes(value=_bare(both.head))]
        if name not in self.lanes and name in names_in(value):
            raise _Unknown  # the first of the two would change what the second reads
        self.lanes.setdefault(name, self._fresh(f"{name}_tail"))
        further = [cst.AssignTarget(cst.Name(self.lanes[name]))]
        return [
            line.with_changes(value=both.head),
            line.with_changes(targets=further, value=_bare(both.tail)),
        ]

    def _augmented(self, line: cst.AugAssign, name: str, both: _Pair) -> list[cst.BaseSmallStatement]:
        if name not in self.lanes:
            if both.has_lanes:
                raise _Unknown
            return [line.with_changes(value=_bare(both.head))]
        further = line.with_changes(target=cst.Name(self.lanes[name]), value=both.tail)
        return [line.with_changes(value=both.head), further]

    def _split(self, node: cst.BaseExpression) -> _Pair:
        """Return an expression for either block.

        Raises:
            _Unknown: it does with lanes what is not known here.
        """
        if not self._concerns(node):
            return _Pair(node, node)
        match node:
            case cst.Name(value=name) if name in self.lanes:
                return _Pair(node, node.with_changes(value=self.lanes[name]))
            case cst.BinaryOperation(left=left, right=right):
                return _with(node, left=self._split(left), right=self._split(right))
            case cst.UnaryOperation(expression=inner):
                return _with(node, expression=self._split(inner))
            case cst.Comparison(left=left, comparisons=[target]):
                other = self._split(target.comparator)
                own = self._split(left)
                return _merged(
                    [own, other],
                    lambda left, right: node.with_changes(
                        left=left, comparisons=[target.with_changes(comparator=right)]
                    ),
                )
            case cst.Attribute(value=cst.Name(value=name), attr=cst.Name(value="dtype")) if (
                name in self.lanes
            ):
                return _Pair(node, node)
            case cst.Call():
                return self._call(node)
        raise _Unknown

    def _call(self, call: cst.Call) -> _Pair:
        name = called(call)
        if name == "tl.arange":
            return self._arange(call)
        if name in _SHAPED:
            return self._shaped(call)
        if name in _REDUCTIONS:
            return self._reduced(call, _REDUCTIONS[name])
        if isinstance(call.func, cst.Attribute) and call.func.attr.value == "to":
            return self._cast(call, call.func)
        if name in _BY_LANE:
            return self._by_lane(call)
        raise _Unknown

    def _by_lane(self, call: cst.Call) -> _Pair:
        parts = [self._split(each.value) for each in call.args]
        return _merged(parts, lambda *values: call.with_changes(args=_given(call, values)))

    def _cast(self, call: cst.Call, method: cst.Attribute) -> _Pair:
        if any(self._split(each.value).has_lanes for each in call.args):
            raise _Unknown
        return _merged(
            [self._split(method.value)],
            lambda value: call.with_changes(func=method.with_changes(value=value)),
        )

    def _arange(self, call: cst.Call) -> _Pair:
        if [code_of(each) for each in call.args] != ["0, ", self._block]:
            raise _Unknown
        return _Pair(call, cst.parse_expression(f"({self._block} + tl.arange(0, {self.tail}))"))

    def _shaped(self, call: cst.Call) -> _Pair:
        """Return a constant in every lane, of a shape that is the block."""
        shape = argument(call, 0, "shape")
        if not isinstance(shape, cst.Tuple | cst.List):
            raise _Unknown
        lengths = [code_of(each.value) for each in shape.elements]
        if lengths != [self._block] or any(
            self._concerns(each.value) for each in call.args if each.value is not shape
        ):
            raise _Unknown
        (length,) = shape.elements
        further = shape.with_changes(elements=[length.with_changes(value=cst.Name(self.tail))])
        values = [further if each.value is shape else each.value for each in call.args]
        return _Pair(call, call.with_changes(args=_given(call, values)))

    def _reduced(self, call: cst.Call, together: str) -> _Pair:
        lanes, *rest = call.args
        both = self._split(lanes.value)
        axis = argument(call, 1, "axis")
        if lanes.keyword is not None or len(rest) != (axis is not None):
            raise _Unknown
        if axis is not None and code_of(axis) != "0":
            raise _Unknown
        head, tail = (
            code_of(call.with_changes(args=[lanes.with_changes(value=each), *rest])) for each in both
        )
        made = cst.parse_expression(together.format(head=head, tail=tail)) if both.has_lanes else call
        return _Pair(made, made)

    def _concerns(self, node: cst.CSTNode) -> bool:
        """Return whether a node is about the block or its lanes."""
        return not names_in(node).isdisjoint({self._block, *self.lanes})

    def _fresh(self, name: str) -> str:
        fresh = fresh_name(name, self._taken)
        self._taken.add(fresh)
        return fresh


def _with(node: cst.BaseExpression, **parts: _Pair) -> _Pair:
    """Return a node with these parts for either block."""
    names = list(parts)
    return _merged(
        list(parts.values()), lambda *values: node.with_changes(**dict(zip(names, values, strict=True)))
    )


def _merged(parts: Sequence[_Pair], made: Callable[..., cst.BaseExpression]) -> _Pair:
    """Return what is made of the parts for either block; the same twice if none of them has lanes."""
    head = made(*(each.head for each in parts))
    return _Pair(
        head, made(*(each.tail for each in parts)) if any(each.has_lanes for each in parts) else head
    )


def _given(call: cst.Call, values: Sequence[cst.BaseExpression]) -> list[cst.Arg]:
    return [each.with_changes(value=value) for each, value in zip(call.args, values, strict=True)]


def _bare(value: cst.BaseExpression) -> cst.BaseExpression:
    """Return an expression that stands alone on a line without the parentheses that it does not need."""
    return value if "\n" in code_of(value) else value.with_changes(lpar=[], rpar=[])
