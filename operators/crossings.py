"""What one kernel can take from another that has parts of the same names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import libcst as cst
import msgspec

from operators.rewrites.family import Backend, Variant
from operators.rewrites.tunables import Tunable, tunables
from operators.syntax.edits import Change, Edits, together
from operators.syntax.kernel_module import JitFunction, KernelModule, Launch, read_module
from operators.syntax.likeness import body_likeness, likeness, parameters_likeness
from operators.syntax.literals import expressions_behind, literals_of
from operators.syntax.nodes import bound_names, names_in, walk
from operators.syntax.values import code_of


class Parts(msgspec.Struct, frozen=True, eq=False):
    """A kernel's module taken apart.

    Attributes:
        module: as read.
        tunables: by key.
        bodies: the likeness of what each `@triton.jit` function does, by name.
        parameters: the likeness of each one's parameters, by name.
        bound: the likeness of the statement that binds each name of the module's top level.
    """

    module: KernelModule
    tunables: dict[str, Tunable]
    bodies: dict[str, str]
    parameters: dict[str, str]
    bound: dict[str, str]


def parts_of(module: cst.Module, backend: Backend) -> Parts:
    """Return a module taken apart."""
    read = read_module(module)
    return Parts(
        module=read,
        tunables={tunable.key: tunable for tunable in tunables(read, backend)},
        bodies={name: body_likeness(function.node) for name, function in read.functions.items()},
        parameters={name: parameters_likeness(function.node) for name, function in read.functions.items()},
        bound=_bound(module),
    )


def crossings(taker: Parts, giver: Parts) -> Iterator[Variant]:
    """Yield what the taker becomes with parts of the giver; summaries name the parts.

    Tiles and launch options go over by the names of kernel and parameter, all together and each kind by
    itself; function bodies by the function's name, each by itself and all together.
    """
    for kinds in (("tile", "option"), ("tile",), ("option",)):
        settings = _settings(taker, giver, kinds)
        if settings is not None:
            yield settings
    swaps = [
        (name, _body(function, giver.module.functions[name]))
        for name, function in taker.module.functions.items()
        if _fits(name, taker, giver)
    ]
    for some in [[swap] for swap in swaps] + ([swaps] if len(swaps) > 1 else []):
        names = ", ".join(name for name, _ in some)
        yield Variant(f"body of {names}", taker.module.module, together(edits for _, edits in some))


def _settings(taker: Parts, giver: Parts, kinds: Sequence[str]) -> Variant | None:
    """Return the taker with the giver's values where they differ and are of the kinds; None if none does."""
    given = {
        key: giver.tunables[key].value
        for key, own in taker.tunables.items()
        if own.kind in kinds
        and key in giver.tunables
        and giver.tunables[key].value != own.value
        and giver.tunables[key].value in own.choices
    }
    if not given:
        return None
    edits = together(taker.tunables[key].edits(value) for key, value in given.items())
    return Variant(", ".join(f"{key} {value}" for key, value in given.items()), taker.module.module, edits)


def _body(own: JitFunction, other: JitFunction) -> Edits:
    def change(node: cst.CSTNode) -> cst.CSTNode:  # noqa: ARG001
        return other.node.body

    changes: dict[cst.CSTNode, Change] = {own.node.body: change}
    return changes


def _fits(name: str, taker: Parts, giver: Parts) -> bool:
    """Return whether the giver's body of a function differs and can stand in the taker's."""
    other = giver.module.functions.get(name)
    if other is None or taker.bodies[name] == giver.bodies[name]:
        return False
    if taker.parameters[name] != giver.parameters[name]:
        return False
    return _reads_the_same(other, taker, giver) and _launched_alike(name, taker, giver)


def _reads_the_same(other: JitFunction, taker: Parts, giver: Parts) -> bool:
    """Return whether the names of the giver's module that a body reads stand for the same in the taker's."""
    local = {*other.parameters, *bound_names(other.node.body)}
    for name in (names_in(other.node.body) - local) & giver.bound.keys():
        if name in giver.module.functions:
            if taker.parameters.get(name) != giver.parameters[name]:
                return False
        elif taker.bound.get(name) != giver.bound[name]:
            return False
    return True


def _launched_alike(name: str, taker: Parts, giver: Parts) -> bool:
    """Return whether both launch a function as often, over like grids and with like sizes."""
    own, other = (parts.module.launches_of(parts.module.functions[name]) for parts in (taker, giver))
    return len(own) == len(other) and all(
        _alike(mine, its, taker.module.module, giver.module.module)
        for mine, its in zip(own, other, strict=True)
    )


def _alike(own: Launch, other: Launch, taker: cst.Module, giver: cst.Module) -> bool:
    if own.spread or other.spread or _grid(own) != _grid(other):
        return False
    parameters = [p for p in own.kernel.parameters if p in own.bound or p in other.bound]
    if not all(p in own.bound and p in other.bound for p in parameters):
        return False
    return all(
        _size(own, p, taker) == _size(other, p, giver) for p in parameters if p in own.kernel.constexprs
    )


def _grid(launch: Launch) -> set[str]:
    """Return the likeness of what a grid is computed from, whatever the sizes."""
    behind = expressions_behind(launch.grid, launch.host)
    return {likeness(code_of(expression), sizes=False) for expression in behind}


def _size(launch: Launch, parameter: str, module: cst.Module) -> str:
    """Return how a launch says a constexpr: all sizes written out are alike."""
    value = launch.bound[parameter].value
    if literals_of(value, launch.host, module):
        return "written out"
    behind = expressions_behind([value], launch.host)
    return " ".join(likeness(code_of(expression)) for expression in behind)


def _bound(module: cst.Module) -> dict[str, str]:
    """Return the likeness of the last statement that binds each name at a module's top level."""
    found: dict[str, str] = {}
    for statement in module.body:
        if isinstance(statement, cst.FunctionDef | cst.ClassDef):
            found[statement.name.value] = likeness(code_of(statement))
            continue
        names = bound_names(statement)
        for node in walk(statement):
            if isinstance(node, cst.ImportAlias):
                names |= {node.evaluated_alias or node.evaluated_name.split(".")[0]}
        found.update(dict.fromkeys(names, likeness(code_of(statement))))
    return found
