"""Loads that repeat an earlier one, replaced by what the earlier one loaded."""

from __future__ import annotations

from collections.abc import Sequence

import libcst as cst
import msgspec

from operators.syntax.nodes import argument, bound_names, called, fresh_name, names_in, walk
from operators.syntax.values import Values, is_pure, is_pure_call

_SHAPING = ("boundary_check", "padding_option")


class Merged(msgspec.Struct, frozen=True, eq=False):
    """Statements after merging, and how many loads were saved."""

    statements: list[cst.BaseStatement]
    saved: int


class _Load(msgspec.Struct, frozen=True, eq=False):
    """A load as an assigned value: `tl.load(...)`, perhaps cast by `.to(...)`."""

    call: cst.Call
    casts: tuple[cst.BaseExpression, ...]

    @property
    def mask(self) -> cst.BaseExpression | None:
        return argument(self.call, 1, "mask")

    @property
    def other(self) -> cst.BaseExpression | None:
        return argument(self.call, 2, "other")


class _Seen(msgspec.Struct, frozen=True, eq=False):
    number: str
    other: str
    at: cst.BaseStatement


def merge_loads(statements: Sequence[cst.BaseStatement], taken: set[str]) -> Merged:
    """Return statements without the loads, and pure assignments, that repeat earlier ones among them.

    What stands inside loops and branches is left as it is. A load counts as repeated if pointer, mask and
    casts have the values they had and nothing was stored since. Where `other` differs, `tl.where` puts the
    one that is asked for. New names avoid those `taken`.
    """
    kept: set[cst.BaseStatement] = set()
    while True:
        merge = _Merge(kept, taken)
        for statement in statements:
            merge.add(statement)
        if merge.wanted <= kept:
            return Merged(statements=merge.statements, saved=merge.saved)
        kept |= merge.wanted


def is_plain_load(expression: cst.BaseExpression) -> bool:
    """Return whether an expression is a load, perhaps cast, that may be done once for many."""
    return _as_load(expression) is not None


def _as_load(expression: cst.BaseExpression) -> _Load | None:
    casts: list[cst.BaseExpression] = []
    while isinstance(expression, cst.Call):
        if called(expression) == "tl.load":
            plain = all(not a.star for a in expression.args) and argument(expression, 9, "volatile") is None
            inner = [argument(expression, i, word) for i, word in enumerate(("pointer", "mask", "other"))]
            pure = all(part is None or is_pure(part) for part in inner)
            return _Load(call=expression, casts=tuple(casts)) if plain and pure else None
        cast = isinstance(expression.func, cst.Attribute) and expression.func.attr.value == "to"
        if not cast or len(expression.args) != 1:
            return None
        casts.append(expression.args[0].value)
        expression = cst.ensure_type(expression.func, cst.Attribute).value
    return None


def _only_reads(node: cst.CSTNode) -> bool:
    return all(is_pure_call(n) or called(n) == "tl.load" for n in walk(node) if isinstance(n, cst.Call))


def _fills(load: _Load) -> bool:
    """Return whether `other` can be put in afterwards: there is a mask, and `other` is a constant."""
    constant = load.other is not None and not (names_in(load.other) - {"float"})
    return load.mask is not None and constant


def _filled(load: _Load, holder: str) -> cst.BaseExpression:
    parts = [cst.Arg(part) for part in (load.mask, cst.Name(holder), load.other) if part is not None]
    return cst.Call(func=cst.parse_expression("tl.where"), args=parts)


def _assignment(name: str, value: cst.BaseExpression) -> cst.Assign:
    return cst.Assign(targets=[cst.AssignTarget(cst.Name(name))], value=value)


def _with_value(statement: cst.SimpleStatementLine, value: cst.BaseExpression) -> cst.SimpleStatementLine:
    assign = cst.ensure_type(statement.body[0], cst.Assign)
    return statement.with_changes(body=[assign.with_changes(value=value)])


def _with_target(statement: cst.SimpleStatementLine, name: str) -> cst.SimpleStatementLine:
    assign = cst.ensure_type(statement.body[0], cst.Assign)
    return statement.with_changes(body=[_assignment(name, assign.value)])


class _Merge:
    def __init__(self, kept: set[cst.BaseStatement], taken: set[str]) -> None:
        self.statements: list[cst.BaseStatement] = []
        self.saved = 0
        self.wanted: set[cst.BaseStatement] = set()  # loads whose value was overwritten, yet asked for again
        self._kept = kept
        self._taken = set(taken)
        self._values = Values()
        self._seen: dict[tuple[str, ...], _Seen] = {}
        self._lines: list[cst.EmptyLine] = []  # comments of statements that went

    def add(self, statement: cst.BaseStatement) -> None:
        match statement:
            case cst.SimpleStatementLine(
                body=[cst.Assign(targets=[cst.AssignTarget(target=cst.Name(value=name))], value=value)]
            ):
                self._assign(statement, name, value)
            case cst.SimpleStatementLine(body=[cst.AugAssign(target=cst.Name(value=name), value=value)]):
                self._emit(statement)
                self._values.assign(name, None)
                self._forget_memory_unless(_only_reads(value))
            case cst.SimpleStatementLine():
                self._emit(statement)
                for name in bound_names(statement):
                    self._values.assign(name, None)
                self._forget_memory_unless(_only_reads(statement))
            case cst.For() | cst.While() | cst.If() if _only_reads(statement):
                self._emit(statement)
                for name in bound_names(statement):
                    self._values.assign(name, None)
            case _:
                self._emit(statement)
                self._values.forget()
                self._seen.clear()

    def _assign(self, statement: cst.SimpleStatementLine, name: str, value: cst.BaseExpression) -> None:
        load = _as_load(value)
        if load is not None:
            self._assign_load(statement, name, load)
        elif is_pure(value):
            number = self._values.number(value)
            if self._values.holds(name, number):
                self._drop(statement)
            else:
                self._emit(statement)
                self._values.assign(name, number)
        else:
            self._emit(statement)
            self._values.assign(name, None)
            self._forget_memory_unless(_only_reads(value))

    def _assign_load(self, statement: cst.SimpleStatementLine, name: str, load: _Load) -> None:
        key, other = self._key(load), self._values.number(load.other)
        seen = self._seen.get(key)
        holder = self._values.holder(seen.number) if seen is not None else None
        if seen is None or (load.other is not None and other != seen.other and not _fills(load)):
            self._first(statement, name, load, _Seen(self._values.intern(f"{key} {other}"), other, statement))
        elif holder is None:
            self.wanted.add(seen.at)
            self._first(statement, name, load, seen)
        elif load.other is None or other == seen.other:
            self.saved += 1
            if holder == name:
                self._drop(statement)
            else:
                self._emit(_with_value(statement, cst.Name(holder)))
                self._values.assign(name, seen.number)
        else:
            self.saved += 1
            self._emit(_with_value(statement, _filled(load, holder)))
            self._values.assign(name, None)

    def _first(self, statement: cst.SimpleStatementLine, name: str, load: _Load, seen: _Seen) -> None:
        """Let a load stand, under a name of its own where it is asked for after `name` is overwritten."""
        self._seen.setdefault(self._key(load), seen)
        if statement in self._kept:
            own = fresh_name(f"{name}_loaded", self._taken)
            self._taken.add(own)
            self._emit(_with_target(statement, own))
            self._values.assign(own, seen.number)
            statement = cst.SimpleStatementLine([_assignment(name, cst.Name(own))])
        self._emit(statement)
        self._values.assign(name, seen.number)

    def _key(self, load: _Load) -> tuple[str, ...]:
        shaping = [argument(load.call, 3 + i, word) for i, word in enumerate(_SHAPING)]
        parts = (argument(load.call, 0, "pointer"), load.mask, *shaping, *load.casts)
        return tuple(self._values.number(part) for part in parts)

    def _forget_memory_unless(self, untouched: bool) -> None:
        if not untouched:
            self._seen.clear()

    def _emit(self, statement: cst.BaseStatement) -> None:
        if self._lines:
            lines = [*self._lines, *getattr(statement, "leading_lines", ())]
            statement = statement.with_changes(leading_lines=lines)
            self._lines = []
        self.statements.append(statement)

    def _drop(self, statement: cst.SimpleStatementLine) -> None:
        self._lines.extend(statement.leading_lines)
