"""Hints on what the compiler cannot see: blocks that start at multiples of their size, signs of sizes.

Every hint states what the source proves for all inputs. None is made of what inputs happen to be, such as a
row length that is a multiple of 16: the compiler derives that from the arguments themselves, and from those
that `constant_sizes` makes constants whatever else divides them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import libcst as cst

from operators.rewrites.family import Variant
from operators.syntax.definitions import Definitions, definitions_of
from operators.syntax.edits import Change, becomes
from operators.syntax.exactness import block_of, is_multiple, uncast
from operators.syntax.host_sizes import sizes_of
from operators.syntax.kernel_module import JitFunction, KernelModule, read_module
from operators.syntax.nodes import called, walk
from operators.syntax.values import code_of

_HINTS = ("tl.multiple_of", "tl.max_contiguous")


class AlignmentHints:
    """The family `alignment_hints`."""

    name = "alignment_hints"

    def variants(self, module: cst.Module) -> Sequence[Variant]:
        """Return for each kernel its blocks hinted, one by one and all, its signs assumed, and no hints."""
        read = read_module(module)
        return [
            variant
            for function in read.functions.values()
            for variant in (
                *_aligned(read, function),
                *_assumed(read, function),
                *_bare(read, function),
            )
        ]


def _aligned(module: KernelModule, function: JitFunction) -> Iterator[Variant]:
    """Yield variants whose blocks of indices say that they are contiguous and where they start."""
    given = frozenset(function.parameters) - function.constexprs
    definitions = definitions_of(function.node, given if module.inner(function) else frozenset())
    found: dict[str, dict[cst.CSTNode, Change]] = {}
    for node in walk(function.node.body):
        match node:
            case cst.Assign(targets=[cst.AssignTarget(target=cst.Name(value=name))], value=value):
                hinted = _hinted(value, definitions)
                if hinted is not None:
                    found.setdefault(name, {})[value] = becomes(hinted)
    if len(found) > 1:
        edits = {value: change for changes in found.values() for value, change in changes.items()}
        yield Variant(f"{function.name} {', '.join(found)} aligned", module.module, edits)
    for name, changes in found.items():
        yield Variant(f"{function.name} {name} aligned", module.module, changes)


def _hinted(value: cst.BaseExpression, definitions: Definitions) -> str | None:
    """Return a block of indices with hints, or None if it is none or its start need not be a multiple."""
    block = block_of(value, definitions)
    if block is None or not block.starts:  # the compiler knows all of a bare `tl.arange`
        return None
    if isinstance(block.size, cst.Integer):
        size = block.size.evaluated_value
        if size < 2 or size & (size - 1):
            return None
    if not all(is_multiple(start, block.size, definitions) for start in block.starts):
        return None
    bare, size_code = code_of(value.with_changes(lpar=[], rpar=[])), code_of(block.size)
    return f"tl.max_contiguous(tl.multiple_of({bare}, {size_code}), {size_code})"


def _assumed(module: KernelModule, function: JitFunction) -> Iterator[Variant]:
    """Yield the variant that tells the compiler which sizes and program ids are not negative.

    AMD's compiler needs to know that of an offset before it uses buffer instructions.
    """
    told = {code_of(n) for n in walk(function.node.body) if called(n) == "tl.assume"}
    sizes = [
        name
        for name in sizes_of(module, function)
        if f"tl.assume({name} >= 0)" not in told and f"tl.assume({name} > 0)" not in told
    ]
    edits: dict[cst.CSTNode, Change] = {}
    places: list[str] = []
    for node in walk(function.node.body):
        match node:
            case cst.SimpleStatementLine(
                body=[cst.Assign(targets=[cst.AssignTarget(target=cst.Name(value=name))], value=value)]
            ) if called(uncast(value)) == "tl.program_id" and f"tl.assume({name} >= 0)" not in told:
                edits[node] = _followed(f"tl.assume({name} >= 0)")
                places.append(name)
    if sizes and isinstance(function.node.body, cst.IndentedBlock):
        edits[function.node.body] = _begun([f"tl.assume({name} >= 0)" for name in sizes])
    if edits:
        begun = sizes if function.node.body in edits else []
        names = ", ".join(dict.fromkeys([*begun, *places]))
        yield Variant(f"{function.name} {names} assumed not negative", module.module, edits)


def _followed(code: str) -> Change:
    """Return the change of a statement into itself and another."""

    def change(node: cst.CSTNode) -> cst.CSTNode:
        line = cst.ensure_type(node, cst.SimpleStatementLine)
        return cst.FlattenSentinel([line, cst.parse_statement(code)])  # type: ignore[return-value]

    return change


def _begun(lines: Sequence[str]) -> Change:
    """Return the change of a function's block that puts lines first, behind the docstring."""

    def change(node: cst.CSTNode) -> cst.CSTNode:
        block = cst.ensure_type(node, cst.IndentedBlock)
        at = 1 if block.body and _is_docstring(block.body[0]) else 0
        added = [cst.parse_statement(line) for line in lines]
        return block.with_changes(body=[*block.body[:at], *added, *block.body[at:]])

    return change


def _is_docstring(statement: cst.BaseStatement) -> bool:
    match statement:
        case cst.SimpleStatementLine(body=[cst.Expr(value=cst.SimpleString() | cst.ConcatenatedString())]):
            return True
    return False


def _bare(module: KernelModule, function: JitFunction) -> Iterator[Variant]:
    """Yield the variant without the hints on values, where there are any."""
    hints = [n for n in walk(function.node.body) if isinstance(n, cst.Call) and called(n) in _HINTS]
    if hints and all(each.args and not each.args[0].star and not each.args[0].keyword for each in hints):
        edits: dict[cst.CSTNode, Change] = dict.fromkeys(hints, _first_argument)
        yield Variant(f"{function.name} no hints", module.module, edits)


def _first_argument(node: cst.CSTNode) -> cst.CSTNode:
    """Return what a hint is on, in its place."""
    call = cst.ensure_type(node, cst.Call)
    value = call.args[0].value
    if value.lpar or isinstance(value, cst.Name | cst.Call | cst.Attribute | cst.Subscript):
        return value
    return value.with_changes(lpar=[cst.LeftParen(), *value.lpar], rpar=[*value.rpar, cst.RightParen()])
