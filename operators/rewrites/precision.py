"""How exactly products and sums are computed: what dots make of float32, and the type of accumulators.

A variant may be too coarse for a task's tolerances; the evaluator then says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import libcst as cst

from operators.rewrites.family import Backend, Variant
from operators.syntax.definitions import Definitions, definitions_of
from operators.syntax.edits import Change, appends_keyword, becomes, in_turn, sets_keyword, without_keyword
from operators.syntax.kernel_module import JitFunction, read_module
from operators.syntax.nodes import argument, called, walk
from operators.syntax.values import code_of

_INPUT: dict[Backend, tuple[str, ...]] = {"cuda": ("tf32", "tf32x3", "ieee"), "hip": ("ieee", "tf32")}
_WIDE, _HALF = "tl.float32", "tl.float16"
_ACC = 2  # the position of a dot's accumulator
_ROUNDING = {f"tl.{name}" for name in ("sum", "cumsum", "exp", "exp2", "log", "log2", "sqrt", "rsqrt", "erf")}
_FILLS = {"tl.zeros": 1, "tl.full": 2}  # the position of a fill's dtype


class Precision:
    """The family `precision`."""

    name = "precision"

    def __init__(self, backend: Backend) -> None:
        """Take the backend that the kernels are compiled with, which decides what dots make of float32."""
        self._input = _INPUT[backend]

    def variants(self, module: cst.Module) -> Sequence[Variant]:
        """Return for each kernel other precisions of its dots, accumulators and loaded values."""
        return [
            variant
            for function in read_module(module).functions.values()
            for variant in (
                *_inputs(function, module, self._input),
                *_accumulated(function, module),
                *_halved(function, module),
                *_loaded(function, module),
            )
        ]


def _dots(function: JitFunction) -> list[cst.Call]:
    """Return a function's own dots, as far as no `*` arguments hide what they are given."""
    calls = [node for node in walk(function.node.body) if isinstance(node, cst.Call)]
    return [call for call in calls if called(call) == "tl.dot" and not any(each.star for each in call.args)]


def _inputs(function: JitFunction, module: cst.Module, choices: Sequence[str]) -> Iterator[Variant]:
    """Yield the variants in which all dots take float32 in one other way."""
    dots = [call for call in _dots(function) if len([a for a in call.args if a.keyword is None]) <= _ACC + 1]
    given = {said.strip("\"'") if (said := _said(call)) else None for call in dots}
    for choice in choices:
        if dots and given != {choice}:
            change = in_turn(without_keyword("allow_tf32"), sets_keyword("input_precision", f'"{choice}"'))
            yield Variant(f"{function.name} input_precision {choice}", module, dict.fromkeys(dots, change))


def _said(call: cst.Call) -> str | None:
    value = argument(call, 3, "input_precision")
    return None if value is None else code_of(value)


def _accumulated(function: JitFunction, module: cst.Module) -> Iterator[Variant]:
    """Yield the variants that add in the dot what was added to it, and the other way round."""
    inside: dict[cst.CSTNode, Change] = {}
    outside: dict[cst.CSTNode, Change] = {}
    for node in walk(function.node.body):
        match node:
            case cst.AugAssign(target=cst.Name(value=name), operator=cst.AddAssign(), value=value):
                if _is_free(value):
                    inside[node] = _assigned(name, value)
            case cst.Assign(targets=[cst.AssignTarget(target=cst.Name(value=name))], value=value):
                added = _added(name, value)
                if added is not None:
                    inside[value] = _with_acc(name, added)
                elif _accumulates(name, value):
                    outside[node] = _augmented(name, cst.ensure_type(value, cst.Call))
    if inside:
        yield Variant(f"{function.name} {len(inside)} sums into their dots", module, inside)
    if outside:
        yield Variant(f"{function.name} {len(outside)} sums out of their dots", module, outside)


def _is_free(value: cst.BaseExpression) -> bool:
    """Return whether a value is a dot without an accumulator, whose result has the usual type."""
    if not isinstance(value, cst.Call) or called(value) != "tl.dot" or any(each.star for each in value.args):
        return False
    return all(argument(value, *each) is None for each in ((_ACC, "acc"), (6, "out_dtype")))


def _added(name: str, value: cst.BaseExpression) -> cst.Call | None:
    """Return the dot of `name + tl.dot(...)` or `tl.dot(...) + name`."""
    if isinstance(value, cst.BinaryOperation) and isinstance(value.operator, cst.Add):
        for own, other in ((value.left, value.right), (value.right, value.left)):
            if isinstance(own, cst.Name) and own.value == name and _is_free(other):
                return cst.ensure_type(other, cst.Call)
    return None


def _accumulates(name: str, value: cst.BaseExpression) -> bool:
    if not isinstance(value, cst.Call) or called(value) != "tl.dot" or any(each.star for each in value.args):
        return False
    acc = argument(value, _ACC, "acc")
    return isinstance(acc, cst.Name) and acc.value == name and argument(value, 6, "out_dtype") is None


def _dot_into(name: str, dot: cst.Call) -> cst.Call:
    if len(dot.args) == _ACC and all(each.keyword is None for each in dot.args):
        *head, last = dot.args
        comma = cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))
        added = cst.Arg(cst.Name(name), comma=last.comma, whitespace_after_arg=last.whitespace_after_arg)
        bare = last.with_changes(comma=comma, whitespace_after_arg=cst.SimpleWhitespace(""))
        return dot.with_changes(args=[*head, bare, added])
    return cst.ensure_type(appends_keyword("acc", name)(dot), cst.Call)


def _with_acc(name: str, dot: cst.Call) -> Change:
    return lambda _: _dot_into(name, dot)


def _assigned(name: str, value: cst.BaseExpression) -> Change:
    dot = _dot_into(name, cst.ensure_type(value, cst.Call))
    return lambda _: cst.Assign([cst.AssignTarget(cst.Name(name))], dot)


def _augmented(name: str, call: cst.Call) -> Change:
    kept = [
        each
        for index, each in enumerate(call.args)
        if not (each.keyword is not None and each.keyword.value == "acc")
        and not (each.keyword is None and index == _ACC)
    ]
    last = kept[-1].with_changes(
        comma=call.args[-1].comma, whitespace_after_arg=call.args[-1].whitespace_after_arg
    )
    dot = call.with_changes(args=[*kept[:-1], last])
    return lambda _: cst.AugAssign(cst.Name(name), cst.AddAssign(), dot)


def _halved(function: JitFunction, module: cst.Module) -> Iterator[Variant]:
    """Yield variants whose accumulators of dots are float16 instead of float32, or the other way round."""
    definitions = definitions_of(function.node)
    dots = [call for call in _dots(function) if _accumulator(call) is not None]
    fills = [fill for call in dots for fill in _fills(_accumulator(call), definitions)]
    wide = [dtype for dtype in map(_dtype_of, fills) if dtype is not None and code_of(dtype) == _WIDE]
    half = [dtype for dtype in map(_dtype_of, fills) if dtype is not None and code_of(dtype) == _HALF]
    if not fills or len(dots) != len(_dots(function)):
        return
    edits: dict[cst.CSTNode, Change] = {}
    if len(wide) == len(fills):
        edits |= dict.fromkeys(wide, becomes(_HALF))
        edits |= dict.fromkeys(dots, sets_keyword("out_dtype", _HALF))
        yield Variant(f"{function.name} dots summed in float16", module, edits)
    elif len(half) == len(fills):
        edits |= dict.fromkeys(half, becomes(_WIDE))
        edits |= dict.fromkeys(dots, without_keyword("out_dtype"))
        yield Variant(f"{function.name} dots summed in float32", module, edits)


def _accumulator(call: cst.Call) -> str | None:
    acc = argument(call, _ACC, "acc")
    return acc.value if isinstance(acc, cst.Name) else None


def _fills(name: str | None, definitions: Definitions) -> list[cst.Call]:
    values = definitions.values.get(name or "", ())
    return [value for value in values if isinstance(value, cst.Call) and called(value) in _FILLS]


def _dtype_of(fill: cst.Call) -> cst.BaseExpression | None:
    return argument(fill, _FILLS[called(fill) or ""], "dtype")


def _loaded(function: JitFunction, module: cst.Module) -> Iterator[Variant]:
    """Yield the variants whose loaded values keep their type, and become float32."""
    casts: dict[cst.CSTNode, Change] = {}
    cast_loads: set[cst.CSTNode] = set()
    for node in walk(function.node.body):
        match node:
            case cst.Call(
                func=cst.Attribute(value=cst.Call() as load, attr=cst.Name(value="to")), args=[to]
            ) if called(load) == "tl.load":
                cast_loads.add(load)
                if code_of(to.value) == _WIDE:
                    casts[node] = _uncast
    plain = [
        node.value
        for node in walk(function.node.body)
        if isinstance(node, cst.Assign) and called(node.value) == "tl.load" and node.value not in cast_loads
    ]
    if casts:
        yield Variant(f"{function.name} {len(casts)} loads as they are stored", module, casts)
    calls = {called(node) for node in walk(function.node.body)}
    if plain and calls & _ROUNDING and "tl.dot" not in calls:
        yield Variant(
            f"{function.name} {len(plain)} loads in float32", module, dict.fromkeys(plain, _widened)
        )


def _uncast(node: cst.CSTNode) -> cst.CSTNode:
    call = cst.ensure_type(node, cst.Call)
    return cst.ensure_type(call.func, cst.Attribute).value


def _widened(node: cst.CSTNode) -> cst.CSTNode:
    call = cst.ensure_type(node, cst.Call)
    return cst.Call(cst.Attribute(call, cst.Name("to")), [cst.Arg(cst.parse_expression(_WIDE))])
