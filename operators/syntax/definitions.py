"""How a function gives its names their values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import libcst as cst
import msgspec

from operators.syntax.nodes import names_in, walk
from operators.syntax.values import code_of


class Definitions(msgspec.Struct, frozen=True, eq=False):
    """What may stand behind each name of a function.

    Attributes:
        values: what plain assignments give a name; `m, n = x.shape` gives them `x.shape[0]`, `x.shape[1]`.
        loops: the loops that a name is the variable of.
        changed: names that are also bound in any other way, such as `+=`.
        blocks: parameters that may be given whole blocks.
    """

    values: Mapping[str, tuple[cst.BaseExpression, ...]]
    loops: Mapping[str, tuple[cst.For, ...]]
    changed: frozenset[str]
    blocks: frozenset[str] = frozenset()

    def only(self, name: str) -> tuple[cst.BaseExpression, ...]:
        """Return all that a name can hold if plain assignments alone bind it, else nothing."""
        return () if name in self.changed or name in self.loops else self.values.get(name, ())

    def only_loops(self, name: str) -> tuple[cst.For, ...]:
        """Return the loops of a name that is bound as nothing but their variable, else nothing."""
        return () if name in self.changed or name in self.values else self.loops.get(name, ())

    def bound(self, name: str) -> bool:
        """Return whether the function itself binds a name."""
        return name in self.values or name in self.loops or name in self.changed


def definitions_of(function: cst.FunctionDef, blocks: frozenset[str] = frozenset()) -> Definitions:
    """Return the definitions of a function's names; its parameters count as changed if they are rebound.

    Args:
        function: the function, of a kernel or of its host.
        blocks: those of its parameters that may be given whole blocks.
    """
    reading = _Reading()
    for node in walk(function.body):
        reading.read(node)
    for parameter in walk(function.params):
        if isinstance(parameter, cst.Param) and parameter.name.value in reading.bound:
            reading.changed.add(parameter.name.value)
    return Definitions(
        values={name: tuple(values) for name, values in reading.values.items()},
        loops={name: tuple(loops) for name, loops in reading.loops.items()},
        changed=frozenset(reading.changed),
        blocks=blocks,
    )


class _Reading:
    def __init__(self) -> None:
        self.values: dict[str, list[cst.BaseExpression]] = {}
        self.loops: dict[str, list[cst.For]] = {}
        self.changed: set[str] = set()

    @property
    def bound(self) -> set[str]:
        return {*self.values, *self.loops, *self.changed}

    def read(self, node: cst.CSTNode) -> None:
        match node:
            case cst.Assign(targets=targets, value=value):
                for target in targets:
                    self._take(target.target, value)
            case cst.AnnAssign(target=target, value=cst.BaseExpression() as value):
                self._take(target, value)
            case cst.For(target=cst.Name(value=name)):
                self.loops.setdefault(name, []).append(node)
            case cst.For() | cst.CompFor() | cst.AugAssign() | cst.NamedExpr():
                self.changed |= names_in(node.target)
            case cst.AsName(name=bound):
                self.changed |= names_in(bound)
            case cst.FunctionDef(name=cst.Name(value=name)) | cst.ClassDef(name=cst.Name(value=name)):
                self.changed.add(name)
            case cst.Global(names=items) | cst.Nonlocal(names=items):
                self.changed |= {item.name.value for item in items}

    def _take(self, target: cst.CSTNode, value: cst.BaseExpression) -> None:
        match target:
            case cst.Name(value=name):
                self.values.setdefault(name, []).append(value)
            case cst.Tuple(elements=elements) | cst.List(elements=elements):
                parts = _parts(value, elements)
                for element, part in zip(elements, parts, strict=False):
                    self._take(element.value, part)
                if not parts:
                    self.changed |= names_in(target)


def _parts(value: cst.BaseExpression, elements: Iterable[cst.BaseElement]) -> tuple[cst.BaseExpression, ...]:
    """Return what each of several targets is given, or nothing if that cannot be told."""
    targets = list(elements)
    if any(isinstance(each, cst.StarredElement) for each in targets):
        return ()
    if isinstance(value, cst.Tuple | cst.List):
        given = [each.value for each in value.elements if isinstance(each, cst.Element)]
        return tuple(given) if len(given) == len(value.elements) == len(targets) else ()
    if isinstance(value, cst.Attribute) and value.attr.value == "shape":
        return tuple(cst.parse_expression(f"{code_of(value)}[{at}]") for at in range(len(targets)))
    return ()
