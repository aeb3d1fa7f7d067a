"""Masks left out where lengths are multiples of blocks, which the launch tells the kernel."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import cast

import libcst as cst

from operators.rewrites.family import Variant
from operators.syntax.accesses import Access, accesses_of
from operators.syntax.coverage import covers_exactly
from operators.syntax.definitions import definitions_of
from operators.syntax.edits import Change, without_keyword
from operators.syntax.kernel_module import JitFunction, KernelModule, read_module
from operators.syntax.masks import Fit, fits_of
from operators.syntax.nodes import argument, called, fresh_name, names_in
from operators.syntax.values import code_of

_OTHER = 2  # the position of a load's `other`


class Unmask:
    """The family `unmask`."""

    name = "unmask"

    def variants(self, module: cst.Module) -> Sequence[Variant]:
        """Return for each kernel the masks left out that the source proves, and those that lengths allow.

        The lengths are looked at by `@triton.heuristics` at each launch: a flag tells the kernel whether all
        of them fit, and it is compiled for both.
        """
        read = read_module(module)
        return [
            variant
            for function in read.functions.values()
            for variant in (*_sure(read, function), *_flagged(read, function))
        ]


def _masked(function: JitFunction) -> list[tuple[Access, frozenset[Fit]]]:
    """Return the loads and stores whose mask is known to hold if lengths fit, and what must fit."""
    definitions = definitions_of(function.node)
    found = []
    for access in accesses_of(function.node):
        fits = None if access.mask is None else fits_of(access.mask, definitions)
        if fits:
            found.append((access, fits))
    return found


def _sure(module: KernelModule, function: JitFunction) -> Iterator[Variant]:
    """Yield the variant without the masks that hold by the literals in the source."""
    edits: dict[cst.CSTNode, Change] = {}
    for access, fits in _masked(function):
        if all(fit.always and fit.axis is None for fit in fits):
            edits[access.call] = _without_mask
    if edits:
        yield Variant(f"{function.name} {len(edits)} masks that always hold left out", module.module, edits)


def _without_mask(node: cst.CSTNode) -> cst.CSTNode:
    """Return a load or store without mask and `other`."""
    call = cst.ensure_type(without_keyword("other")(without_keyword("mask")(node)), cst.Call)
    before = 1 if called(call) == "tl.load" else 2  # what is given by position before the mask
    *head, last = (each for index, each in enumerate(call.args) if each.keyword or index < before)
    return call.with_changes(args=[*head, last.with_changes(comma=cst.MaybeSentinel.DEFAULT)])


def _flagged(module: KernelModule, function: JitFunction) -> Iterator[Variant]:
    """Yield a variant for each set of lengths that some masks need, all of them first."""
    parameters = function.node.params
    plain = isinstance(parameters.star_arg, cst.MaybeSentinel) and parameters.star_kwarg is None
    if not plain or parameters.kwonly_params or not module.imports_triton or not function.parameters:
        return
    masked = [
        (access, frozenset(fit.condition("args") for fit in fits if not fit.always))
        for access, fits in _masked(function)
        if all(_is_known(fit, module, function) for fit in fits)
    ]
    every = frozenset[str]().union(*(conditions for _, conditions in masked))
    for needed in dict.fromkeys([every, *(conditions for _, conditions in masked)]):
        accesses = [access for access, conditions in masked if conditions <= needed]
        if needed:
            said = ", ".join(sorted(needed)).replace('args["', "").replace('"]', "")
            summary = f"{function.name} {len(accesses)} masks only unless {said}"
            yield Variant(summary, module.module, _edits(function, accesses, needed))


def _is_known(fit: Fit, module: KernelModule, function: JitFunction) -> bool:
    """Return whether every launch says what a fit needs, and has as many programs as it takes."""
    if fit.literal and not fit.always:
        return False
    launches = module.launches_of(function)
    names = [name for name in (fit.length, fit.size) if not name.isdigit()]
    if not launches or module.inner(function) or any(launch.spread for launch in launches):
        return False
    if not set(names) <= set(function.parameters):
        return False
    size = cst.parse_expression(fit.size)
    return all(
        (name in launch.bound or _configured(name, module, function)) for name in names for launch in launches
    ) and (fit.axis is None or all(covers_exactly(each, fit.axis, fit.length, size) for each in launches))


def _configured(name: str, module: KernelModule, function: JitFunction) -> bool:
    """Return whether every `triton.Config` of an autotuned function gives a parameter."""
    entries = [argument(config, 0, "kwargs") for config in module.configs]
    keys = [
        {
            each.key.evaluated_value
            for each in entry.elements
            if isinstance(each, cst.DictElement) and isinstance(each.key, cst.SimpleString)
        }
        for entry in entries
        if isinstance(entry, cst.Dict)
    ]
    return function.autotuned and bool(keys) and len(keys) == len(entries) and all(name in k for k in keys)


def _edits(
    function: JitFunction, accesses: Sequence[Access], needed: frozenset[str]
) -> dict[cst.CSTNode, Change]:
    flag = fresh_name("EVEN", names_in(function.node) | set(function.parameters))
    decorator = f'triton.heuristics({{"{flag}": lambda args: {" and ".join(sorted(needed))}}})'
    edits: dict[cst.CSTNode, Change] = {function.node: _told(flag, decorator)}
    for access in accesses:
        other = argument(access.call, _OTHER, "other") if access.kind == "load" else None
        for value in (access.mask, other):
            if value is not None:
                edits[value] = _unless(flag)
    return edits


def _unless(flag: str) -> Change:
    """Return the change of an argument into one that is only given where the flag does not hold."""

    def change(node: cst.CSTNode) -> cst.CSTNode:
        value = cst.parse_expression(f"({code_of(node)})") if _is_loose(node) else node
        return cst.IfExp(test=cst.Name(flag), body=cst.Name("None"), orelse=cast(cst.BaseExpression, value))

    return change


def _is_loose(node: cst.CSTNode) -> bool:
    return isinstance(node, cst.Lambda | cst.NamedExpr)


def _told(flag: str, decorator: str) -> Change:
    """Return the change of a kernel that takes one more flag, which a decorator next to it computes."""

    def change(node: cst.CSTNode) -> cst.CSTNode:
        kernel = cst.ensure_type(node, cst.FunctionDef)
        params = kernel.params
        every = [*params.posonly_params, *params.params]
        added = cst.Param(
            cst.Name(flag),
            cst.Annotation(cst.parse_expression("tl.constexpr")),
            default=cst.Name("False") if any(each.default for each in every) else None,
        )
        if len(params.params) > 1 and isinstance(params.params[-1].comma, cst.Comma):
            *head, last = params.params
            added = added.with_changes(comma=last.comma)
            params = params.with_changes(params=[*head, last.with_changes(comma=head[-1].comma)])
        *above, jit = kernel.decorators
        told = cst.Decorator(cst.parse_expression(decorator))
        return kernel.with_changes(
            decorators=[*above, told, jit], params=params.with_changes(params=[*params.params, added])
        )

    return change
