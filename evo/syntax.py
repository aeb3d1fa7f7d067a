"""The normalised syntax of a kernel: an identity that no comment, layout, docstring or local name changes.

Two kernels of one identity compute and cost the same. Where that is in doubt they are told apart: a kernel
taken for another is lost, while one that is evaluated twice costs a second. So the names of parameters count,
which launches, configs and heuristics say as keywords and strings, and so do those of functions and whatever
else the module's top level binds. Local names do not, unless something in the module might see them:

- what looks names up by their text: `locals`, `vars`, `eval` and the like, any dunder;
- what handles exceptions, whose messages name variables;
- `from … import *`, after which nobody knows what is local;
- in their own function: a class, a `match`, a nested function that binds the name in another way, or an `if`,
  where Triton's front end hands on what both branches bind in the order of the alphabet.

What Python does not parse, what holds no statement and what is nested too deep to be looked at is identified
by its source. So is what a reader of lines may take otherwise than Python does, for Triton reads functions
back from a file: an encoding that a comment declares, a line that a backslash continues.
"""

from __future__ import annotations

import ast
import builtins
import hashlib
import re
from collections.abc import Iterator

DEEPEST = 200
"""Levels of nested syntax: far more than kernels have, and few enough for a recursion."""

SEES_NAMES = frozenset({
    "locals", "vars", "dir", "eval", "exec", "compile", "globals", "getattr", "setattr", "delattr", "help",
    "breakpoint", "inspect", "sys", "symtable", "ast",
})  # fmt: skip
RESERVED = frozenset(dir(builtins)) | {"triton", "tl", "interpreter_builder", "interpreter_semantic"}
"""Names that a function may find without its module binding them; Triton's interpreter hands out the last."""

SCOPES = (ast.FunctionDef, ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


READ_OTHERWISE = re.compile(r"\A[^\r\n]*(?:\r\n?|\n)?[^\r\n]*#[^\r\n]*coding|\\[\r\n]")


def syntax_digest(source: str) -> str:
    """Return a SHA-256, in hex, that kernels share if they differ in what changes nothing alone."""
    if READ_OTHERWISE.search(source):
        return _hashed("source", source)
    try:
        tree = ast.parse(source)
        if not tree.body or _is_deep(tree):
            return _hashed("source", source)
        return _hashed("syntax", _normalised(tree))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return _hashed("source", source)


def _hashed(kind: str, text: str) -> str:
    return hashlib.sha256(f"{kind}:{text}".encode(errors="surrogatepass")).hexdigest()


def _normalised(tree: ast.Module) -> str:
    """Return the tree as text, without docstrings, local names by the order in which they first occur."""
    nodes = list(ast.walk(tree))
    if not any(_named(node) == "__doc__" for node in nodes):
        for node in nodes:
            if isinstance(node, DOCUMENTED):
                _drop_docstring(node)
    if not any(map(_sees_names, nodes)):
        outer = _outer_names(tree)
        for function in tree.body:
            if isinstance(function, ast.FunctionDef):
                _rename(function, outer)
    return ast.dump(tree)


def _drop_docstring(node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> None:
    match node.body:
        case [ast.Expr(value=ast.Constant(value=str())), *rest]:
            node.body = rest


def _rename(function: ast.FunctionDef, outer: frozenset[str]) -> None:
    """Give the local names of a function numbers, which no names are, in the order of the syntax."""
    nodes = list(ast.walk(function))
    if any(isinstance(node, ast.If | ast.ClassDef | ast.Match | ast.AsyncFunctionDef) for node in nodes):
        return
    fixed = {text for node in nodes for text in _texts(node)}
    local = _bound(function) - fixed - outer - RESERVED
    numbers: dict[str, int] = {}
    for node in _in_order(function):
        if isinstance(node, ast.Name) and node.id in local:
            node.id = f"{numbers.setdefault(node.id, len(numbers))}"


def _bound(function: ast.FunctionDef) -> set[str]:
    """Return the names that a function's own statements assign, not those of functions in it."""
    bound: set[str] = set()
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, SCOPES):
            continue
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            bound.add(node.id)
        waiting.extend(ast.iter_child_nodes(node))
    return bound


def _texts(node: ast.AST) -> Iterator[str]:
    """Yield the names that a node says as text and that may bind: parameters, functions, imports, globals."""
    if isinstance(node, ast.Name | ast.Attribute | ast.keyword | ast.Constant):
        return
    for _, value in ast.iter_fields(node):
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, str):
                yield from (each, each.partition(".")[0])


def _outer_names(tree: ast.Module) -> frozenset[str]:
    """Return all names that a module's top level or its classes bind, and those declared global anywhere."""
    declared = (node for node in ast.walk(tree) if isinstance(node, ast.Global | ast.Nonlocal))
    found = {name for node in declared for name in node.names}
    for statement in tree.body:
        inside = [statement] if isinstance(statement, ast.FunctionDef) else list(ast.walk(statement))
        for node in inside:
            found.update(_texts(node))
            if isinstance(node, ast.Name):
                found.add(node.id)
    return frozenset(found)


def _sees_names(node: ast.AST) -> bool:
    """Return whether a node may tell a kernel what its local names are."""
    if isinstance(node, ast.Try | ast.TryStar | ast.With | ast.AsyncFunctionDef):
        return True
    if isinstance(node, ast.ImportFrom | ast.Import):
        return any(alias.name == "*" or alias.name.partition(".")[0] in SEES_NAMES for alias in node.names)
    name = _named(node)
    return name in SEES_NAMES or (name.startswith("__") and name.endswith("__"))


def _named(node: ast.AST) -> str:
    """Return the name that a node reads or binds, or the attribute; empty for any other node."""
    if isinstance(node, ast.Name):
        return node.id
    return node.attr if isinstance(node, ast.Attribute) else ""


def _in_order(node: ast.AST) -> Iterator[ast.AST]:
    """Yield a node and all in it, each before what is in it, siblings in their order."""
    waiting = [node]
    while waiting:
        next_one = waiting.pop()
        yield next_one
        waiting.extend(reversed(list(ast.iter_child_nodes(next_one))))


def _is_deep(tree: ast.AST) -> bool:
    """Return whether nodes are nested too deep, without recursion."""
    level: list[ast.AST] = [tree]
    for _ in range(DEEPEST):
        level = [child for node in level for child in ast.iter_child_nodes(node)]
        if not level:
            return False
    return True
