"""Which names statements read before they have assigned them."""

from __future__ import annotations

from collections.abc import Sequence

import libcst as cst

from operators.syntax.nodes import names_in


def exposed(statements: Sequence[cst.BaseStatement | cst.BaseSmallStatement]) -> set[str]:
    """Return the names whose value from before the statements may be read in them."""
    found, known = set[str](), set[str]()
    for statement in statements:
        reads, assigns = _effects(statement)
        found |= reads - known
        known |= assigns
    return found


def _effects(statement: cst.BaseStatement | cst.BaseSmallStatement) -> tuple[set[str], set[str]]:
    """Return what a statement reads from before it, and what it assigns in any case."""
    match statement:
        case cst.SimpleStatementLine(body=small):
            return exposed(small), {name for each in small for name in _effects(each)[1]}
        case cst.Assign(targets=[cst.AssignTarget(target=target)], value=value) if is_plain_target(target):
            return names_in(value), names_in(target)
        case cst.AugAssign(target=cst.Name(value=name), value=value):
            return names_in(value) | {name}, {name}
        case cst.For(target=cst.Name(value=name), iter=over, body=cst.IndentedBlock(body=body), orelse=None):
            return names_in(over) | (exposed(body) - {name}), set()
        case cst.If(test=test, body=cst.IndentedBlock(body=body), orelse=None):
            return names_in(test) | exposed(body), set()
    return names_in(statement), set()


def is_plain_target(target: cst.BaseExpression) -> bool:
    """Return whether a target of an assignment is a name, or a tuple of names."""
    if isinstance(target, cst.Tuple):
        return all(isinstance(e, cst.Element) and isinstance(e.value, cst.Name) for e in target.elements)
    return isinstance(target, cst.Name)
