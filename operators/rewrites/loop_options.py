"""Loop options: how many stages a loop is pipelined in, how often it is unrolled, and whether it is at all.

Left out is `warp_specialize`: no target here has what it needs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import libcst as cst

from operators.rewrites.family import Variant
from operators.syntax.edits import Change
from operators.syntax.kernel_module import JitFunction, KernelModule, read_module
from operators.syntax.nodes import called, dotted, names_in, walk

STAGES = (1, 2, 3, 4)
UNROLLED = (2, 4)
LONGEST_UNROLLED = 64  # turns of a loop whose bounds are literals; what is longer takes minutes to compile
_RANGES = ("range", "tl.range", "tl.static_range")


class LoopOptions:
    """The family `loop_options`."""

    name = "loop_options"

    def variants(self, module: cst.Module) -> Sequence[Variant]:
        """Return one variant for each loop and each option that it could be given, given another, or lose."""
        read = read_module(module)
        if not _imports_language(module):
            return []
        return [variant for function in read.functions.values() for variant in _of(function, read)]


def _imports_language(module: cst.Module) -> bool:
    """Return whether `tl` is Triton's language."""
    for node in walk(module):
        if isinstance(node, cst.Import) and "triton.language" in _named(node.names):
            return True
        if isinstance(node, cst.ImportFrom) and node.module is not None and dotted(node.module) == "triton":
            return not isinstance(node.names, cst.ImportStar) and "language" in _named(node.names)
    return False


def _named(aliases: Sequence[cst.ImportAlias]) -> set[str]:
    """Return what is imported as `tl`."""
    return {dotted(each.name) or "" for each in aliases if each.evaluated_alias == "tl"}


def _of(function: JitFunction, module: KernelModule) -> Iterator[Variant]:
    loops = [node for node in walk(function.node) if isinstance(node, cst.For) and _is_range(node.iter)]
    for number, loop in enumerate(loops, start=1):
        which = f"{function.name} loop {number}" if len(loops) > 1 else f"{function.name} loop"
        iterable = cst.ensure_type(loop.iter, cst.Call)
        for what, change in _changes(loop, iterable, function, module):
            yield Variant(f"{which} {what}", module.module, {iterable: change})


def _is_range(node: cst.BaseExpression) -> bool:
    return isinstance(node, cst.Call) and called(node) in _RANGES and not any(arg.star for arg in node.args)


def _changes(
    loop: cst.For, iterable: cst.Call, function: JitFunction, module: KernelModule
) -> Iterator[tuple[str, Change]]:
    kind = called(iterable)
    if kind == "tl.static_range":
        yield "static -> range", _with_options({}, "range")
        return
    if _can_be_static(loop, iterable, function):
        yield "range -> static", _with_options({}, "tl.static_range")
    given = {arg.keyword.value: arg.value for arg in iterable.args if arg.keyword and kind == "tl.range"}
    given.pop("step", None)
    options = [
        *(("num_stages", str(value)) for value in STAGES if _loads(loop, module)),
        *(("loop_unroll_factor", str(value)) for value in UNROLLED),
        *(("flatten", value) for value in ("True",) if _nests(loop)),
    ]
    for name, value in options:
        now = module.module.code_for_node(given[name]) if name in given else ""
        if now != value:
            yield f"{name} {now or '(not given)'} -> {value}", _with_options({name: value}, "tl.range")
    for name in sorted(given):
        yield f"{name} -> (not given)", _without(name)


def _can_be_static(loop: cst.For, iterable: cst.Call, function: JitFunction) -> bool:
    """Return whether a loop has bounds that the compiler knows, is short enough, and left at its end only."""
    bounds = [arg.value for arg in iterable.args if arg.keyword is None or arg.keyword.value == "step"]
    parts = [node for bound in bounds for node in walk(bound)]
    plain = (cst.Name, cst.Integer, cst.BinaryOperation, cst.UnaryOperation)
    expressions = [node for node in parts if isinstance(node, cst.BaseExpression)]
    leaves = any(isinstance(node, cst.Break | cst.Continue | cst.Return) for node in walk(loop.body))
    known = {name for bound in bounds for name in names_in(bound)} <= function.constexprs
    if leaves or not known or not all(isinstance(node, plain) for node in expressions):
        return False
    literals = [bound.evaluated_value for bound in bounds if isinstance(bound, cst.Integer)]
    return len(literals) < len(bounds) or _turns(literals) <= LONGEST_UNROLLED


def _turns(bounds: Sequence[int]) -> int:
    return len(range(*bounds)) if 1 <= len(bounds) <= 3 and 0 not in bounds[2:] else LONGEST_UNROLLED + 1


def _loads(loop: cst.For, module: KernelModule) -> bool:
    """Return whether a loop loads, itself or in a function that it calls."""
    names = [called(node) or "" for node in walk(loop.body)]
    return any("load" in name.split(".")[-1] or name in module.functions for name in names)


def _nests(loop: cst.For) -> bool:
    return any(isinstance(statement, cst.For) for statement in loop.body.body)


def _with_options(options: dict[str, str], function: str) -> Change:
    """Return the change of a loop's range into that of another function, with these options among its own."""

    def change(node: cst.CSTNode) -> cst.CSTNode:
        call = cst.ensure_type(node, cst.Call)
        kept = [arg for arg in call.args if arg.keyword is None or arg.keyword.value not in options]
        if function != "tl.range":
            kept = [arg for arg in kept if arg.keyword is None or arg.keyword.value == "step"]
        return _call(function, [*kept, *(_keyword(name, value) for name, value in options.items())])

    return change


def _without(option: str) -> Change:
    """Return the change of a `tl.range` that takes an option away, and becomes `range` with the last."""

    def change(node: cst.CSTNode) -> cst.CSTNode:
        call = cst.ensure_type(node, cst.Call)
        kept = [arg for arg in call.args if arg.keyword is None or arg.keyword.value != option]
        plain = all(arg.keyword is None for arg in kept)
        return _call("range" if plain else "tl.range", kept)

    return change


def _call(function: str, arguments: Sequence[cst.Arg]) -> cst.Call:
    separated = [arg.with_changes(comma=cst.MaybeSentinel.DEFAULT) for arg in arguments]
    return cst.Call(func=cst.parse_expression(function), args=separated)


def _keyword(name: str, value: str) -> cst.Arg:
    space = cst.SimpleWhitespace("")
    equal = cst.AssignEqual(whitespace_before=space, whitespace_after=space)
    return cst.Arg(keyword=cst.Name(name), equal=equal, value=cst.parse_expression(value))
