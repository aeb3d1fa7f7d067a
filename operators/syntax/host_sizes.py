"""What the source of a host function proves of the integers that it computes."""

from __future__ import annotations

import libcst as cst

from operators.syntax.definitions import Definitions, definitions_of
from operators.syntax.kernel_module import JitFunction, KernelModule
from operators.syntax.nodes import called
from operators.syntax.proofs import Proof

_COUNTS = ("numel", "size", "stride", "dim", "element_size")  # methods of a tensor
_KEEPING = ("triton.cdiv", "triton.next_power_of_2", "min", "max", "int", "math.ceil", "math.prod")
_GROWING = (cst.Add, cst.Multiply, cst.FloorDivide, cst.Modulo)


def sizes_of(module: KernelModule, function: JitFunction) -> list[str]:
    """Return the parameters, no constexprs, that every launch gives an integer that is never negative."""
    launches = module.launches_of(function)
    if not launches or module.inner(function) or any(launch.spread for launch in launches):
        return []
    hosts = {launch.host: definitions_of(launch.host) for launch in launches}
    return [
        name
        for name in function.parameters
        if name not in function.constexprs
        and all(
            name in launch.bound and is_not_negative(launch.bound[name].value, hosts[launch.host])
            for launch in launches
        )
    ]


def is_not_negative(expression: cst.BaseExpression, definitions: Definitions) -> bool:
    """Return whether an expression of a host is an integer that is never negative.

    Sizes and strides of torch's tensors never are, nor what is made of them without subtraction.
    """
    return _NotNegative(definitions).holds(expression)


class _NotNegative(Proof):
    def of_expression(self, expression: cst.BaseExpression) -> bool:
        """Return whether what is no name is never negative."""
        match expression:
            case cst.Integer():
                return True
            case cst.Subscript(value=value):
                return self._is_extent(value)
            case cst.BinaryOperation(left=left, operator=operator, right=right):
                return isinstance(operator, _GROWING) and self.holds(left) and self.holds(right)
            case cst.IfExp(body=body, orelse=other):
                return self.holds(body) and self.holds(other)
            case cst.Call(func=cst.Attribute(attr=cst.Name(value=method)), args=args) if method in _COUNTS:
                return method not in ("size", "stride") or len(args) == 1
            case cst.Call(args=args) if args and called(expression) in _KEEPING:
                whole = not any(each.star or each.keyword for each in args)
                return whole and all(self.holds(each.value) for each in args)
            case cst.Call(args=[cst.Arg()]):
                return called(expression) == "len"
        return False

    def of_loop(self, loop: cst.For) -> bool:  # noqa: ARG002
        """Return False: loops of a host are not looked into."""
        return False

    def of_free_name(self, name: str) -> bool:  # noqa: ARG002
        """Return False: a parameter may be anything."""
        return False

    def _is_extent(self, expression: cst.BaseExpression) -> bool:
        """Return whether an expression holds the sizes or strides of a tensor."""
        if isinstance(expression, cst.Name):
            values = self.definitions.only(expression.value)
            return bool(values) and all(map(_is_extent, values))
        return _is_extent(expression)


def _is_extent(expression: cst.BaseExpression) -> bool:
    match expression:
        case cst.Attribute(attr=cst.Name(value="shape")):
            return True
        case cst.Call(func=cst.Attribute(attr=cst.Name(value="size" | "stride")), args=[]):
            return True
    return False
