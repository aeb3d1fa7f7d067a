"""Loop bodies and repeated expressions of a kernel as helpers that it calls."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import libcst as cst
import msgspec

from operators.rewrites.family import Variant
from operators.syntax.edits import Change, becomes, in_place_of_one
from operators.syntax.exposed import exposed, is_plain_target
from operators.syntax.kernel_module import JitFunction, KernelModule
from operators.syntax.nodes import bound_names, called, dotted, fresh_name, names_in, walk
from operators.syntax.passes import assigned_by
from operators.syntax.programs import asks, statement_of
from operators.syntax.values import code_of, is_pure

_LEAST = 2  # operations of an expression, or statements of a loop, that are worth a helper
_NO_VALUES = ("tl.constexpr", "tl.range", "tl.static_range", "range")
_NO_KERNEL = (
    cst.FunctionDef,
    cst.ClassDef,
    cst.Lambda,
    cst.BaseComp,
    cst.NamedExpr,
    cst.Global,
    cst.Nonlocal,
)


def split_out(module: KernelModule, function: JitFunction) -> Iterator[Variant]:
    """Yield the variant of each loop whose body, and of each repeated expression that, a helper may do."""
    splitting = _Splitting.of(module, function)
    if splitting is not None:
        yield from splitting.loops()
        yield from splitting.expressions()


class _Splitting(msgspec.Struct, frozen=True, eq=False):
    """What a function's helpers are made with.

    Attributes:
        module: the module that it stands in.
        function: the function.
        decorator: what makes it a `@triton.jit` function.
        local: its parameters, and the names that it assigns.
        annotations: of its parameters that are constants.
    """

    module: cst.Module
    function: JitFunction
    decorator: cst.Decorator
    local: frozenset[str]
    annotations: Mapping[str, str]

    @classmethod
    def of(cls, module: KernelModule, function: JitFunction) -> _Splitting | None:
        """Return it; None for a function that holds what is not known."""
        decorators = [d for d in function.node.decorators if dotted(d.decorator) in ("triton.jit", "jit")]
        bound, body = bound_names(function.node.body), function.node.body
        unknown = any(isinstance(node, _NO_KERNEL) for node in walk(body))
        if len(decorators) != 1 or unknown or bound & function.constexprs:
            return None
        if not isinstance(body, cst.IndentedBlock):
            return None
        said = {
            each.name.value: code_of(each.annotation.annotation)
            for each in walk(function.node.params)
            if isinstance(each, cst.Param) and each.annotation is not None
        }
        return cls(
            module=module.module,
            function=function,
            decorator=decorators[0].with_changes(leading_lines=()),
            local=frozenset({*function.parameters, *bound}),
            annotations={name: said[name] for name in function.constexprs},
        )

    def loops(self) -> Iterator[Variant]:
        """Yield a variant for each loop of straight statements that is in no other."""
        statements = list(self.function.node.body.body)
        number = 0
        for at, loop in enumerate(statements):
            if not isinstance(loop, cst.For):
                continue
            number += 1
            body = _straight(loop)
            if body is None or asks(loop.body):
                continue
            bound = bound_names(loop.body)
            after = exposed([each for each in statements[at + 1 :] if isinstance(each, cst.BaseStatement)])
            given = _ordered(loop.body, exposed(body) & self.local)
            results = _ordered(loop.body, bound & (after | exposed(body)))
            name = self._fresh("step")
            told = f"{name}({', '.join(given)})"
            line = statement_of(f"{', '.join(results)} = {told}" if results else told)
            returned = [statement_of(f"return {', '.join(results)}")] if results else []
            edits: dict[cst.CSTNode, Change] = {
                loop.body: _only(line),
                self.function.node: self._preceded(name, given, [*body, *returned]),
            }
            yield Variant(f"{self.function.name} loop {number} split out", self.module, edits)

    def expressions(self) -> Iterator[Variant]:
        """Yield a variant for each expression that is written more than once."""
        places: dict[str, list[cst.BaseExpression]] = {}
        for line in walk(self.function.node.body):
            if isinstance(line, cst.SimpleStatementLine):
                for node in walk(line):
                    if isinstance(node, cst.Call | cst.BinaryOperation) and self._may_return(node):
                        places.setdefault(_text(node), []).append(node)
        repeated = {text: nodes for text, nodes in places.items() if len(nodes) > 1}
        number = 0
        for text, nodes in repeated.items():
            if any(_holds(larger, nodes) for other, larger in repeated.items() if other != text):
                continue
            number += 1
            given = _ordered(nodes[0], names_in(nodes[0]) & self.local)
            name = self._fresh("part")
            bare = nodes[0].with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
            value = bare if "\n" in text else bare.with_changes(lpar=[], rpar=[])
            returned = cst.SimpleStatementLine([cst.Return(value)])
            edits: dict[cst.CSTNode, Change] = {
                **{node: becomes(f"{name}({', '.join(given)})") for node in nodes},
                self.function.node: self._preceded(name, given, [returned]),
            }
            summary = f"{self.function.name} expression {number} split out, {len(nodes)} times"
            yield Variant(summary, self.module, edits)

    def _may_return(self, node: cst.Call | cst.BinaryOperation) -> bool:
        """Return whether an expression is worth a helper, and surely no constant of the compiler."""
        operations = [n for n in walk(node) if isinstance(n, cst.Call | cst.BinaryOperation | cst.Comparison)]
        if len(operations) < _LEAST or not is_pure(node) or asks(node):
            return False
        if any(called(each) in _NO_VALUES for each in operations):
            return False
        shapes = any(isinstance(n, cst.Attribute) and n.attr.value in ("shape", "value") for n in walk(node))
        return not shapes and bool(names_in(node) & self._tensors())

    def _tensors(self) -> set[str]:
        """Return the names that only plain assignments of no tuple bind: what they hold is a tensor."""
        found, other = set[str](), set[str](self.function.parameters)
        for node in walk(self.function.node.body):
            match node:
                case cst.SimpleStatementLine() if assigned_by(node)[0]:
                    name, value = assigned_by(node)
                    tensor = isinstance(value, cst.BinaryOperation | cst.Call | cst.Float | cst.Integer)
                    (found if tensor else other).add(name)
                case cst.AssignTarget(target=target) if not isinstance(target, cst.Name):
                    other |= names_in(target)
                case cst.AnnAssign(target=target) | cst.For(target=target):
                    other |= names_in(target)
        return found - other

    def _fresh(self, word: str) -> str:
        return fresh_name(f"{self.function.name}_{word}", names_in(self.module))

    def _preceded(self, name: str, given: Sequence[str], body: Sequence[cst.BaseStatement]) -> Change:
        """Return the change of the function that puts a helper before it."""
        parameters = [
            f"{each}: {self.annotations[each]}" if each in self.annotations else each for each in given
        ]
        empty = cst.parse_statement(f"def {name}({', '.join(parameters)}):\n    pass\n")
        helper = cst.ensure_type(empty, cst.FunctionDef).with_changes(
            decorators=[self.decorator],
            body=cst.IndentedBlock(body),
            leading_lines=[cst.EmptyLine(indent=False), cst.EmptyLine(indent=False)],
        )
        return lambda node: in_place_of_one([helper, node])


def _straight(loop: cst.For) -> list[cst.BaseStatement] | None:
    """Return the statements of a loop if they are enough plain assignments and calls, without a jump."""
    if not isinstance(loop.body, cst.IndentedBlock) or not isinstance(loop.target, cst.Name):
        return None
    statements = list(loop.body.body)
    if len(statements) < _LEAST or loop.target.value in bound_names(loop.body) or loop.orelse is not None:
        return None
    return statements if all(map(_is_plain, statements)) else None


def _is_plain(statement: cst.CSTNode) -> bool:
    if not isinstance(statement, cst.SimpleStatementLine) or len(statement.body) != 1:
        return False
    match statement.body[0]:
        case cst.Assign(targets=[cst.AssignTarget(target=target)]):
            return is_plain_target(target)
        case cst.AugAssign(target=cst.Name()) | cst.Expr(value=cst.Call()):
            return True
    return False


def _only(line: cst.BaseStatement) -> Change:
    return lambda node: node.with_changes(body=[line], footer=())


def _ordered(node: cst.CSTNode, names: set[str]) -> list[str]:
    """Return names in the order in which a node mentions them first."""
    mentioned = [each.value for each in walk(node) if isinstance(each, cst.Name)]
    return sorted(names, key=mentioned.index)


def _text(node: cst.BaseExpression) -> str:
    return code_of(node.with_changes(lpar=[], rpar=[]))


def _holds(larger: Sequence[cst.CSTNode], nodes: Sequence[cst.CSTNode]) -> bool:
    """Return whether every one of the nodes stands inside a larger one."""
    inside = {each for one in larger for each in walk(one) if each is not one}
    return all(node in inside for node in nodes)
