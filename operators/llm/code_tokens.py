"""What a kernel's source is made of, as words that a search can count."""

from __future__ import annotations

import ast
import re

MODULES = ("tl", "triton", "torch", "math", "libdevice")
COUNTED = ("//", "%", "<<", ">>", "&", "|", "^", "~", "**", "@")
"""Operators that say what a kernel does; every kernel adds, multiplies and compares."""

WORD = re.compile(
    rf"\b(?:{'|'.join(MODULES)})(?:\.\w+)+|[^\W\d]\w*|//|<<|>>|\*\*|[%&|^~@]|\b\d[\w.]*",
    re.ASCII | re.VERBOSE,
)
PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
COMMENT = re.compile(r"#[^\n]*")
PLAIN = frozenset(
    {"import", "as", "from", "def", "return", "in", "and", "or", "not", "self", "true", "false"}
)
"""Words that all kernels share, or that say nothing of what they do."""


def code_tokens(source: str) -> list[str]:
    """Return the tokens of a module, in order: calls of Triton's whole, other names in parts, some operators.

    Comments, docstrings, numbers and the names of modules by themselves say little of what a kernel does and
    are left out. What Python does not parse is read all the same.
    """
    found: list[str] = []
    for word in WORD.findall(_bare(source)):
        if "." in word and not word[0].isdigit():
            found.append(word.lower())
        elif word in COUNTED:
            found.append(word)
        elif not word[0].isdigit():
            found.extend(name_parts(word))
    return [token for token in found if token not in PLAIN and token not in MODULES]


def name_parts(name: str) -> list[str]:
    """Return the words that a name is put together from, in lower case: `rowMax_ptr` is row, max, ptr."""
    return [part.lower() for part in PART.findall(name)]


def text_tokens(text: str) -> list[str]:
    """Return the words of an instruction, in lower case, without the very short ones."""
    return [word.lower() for word in re.findall(r"[^\W\d_]{3,}", text)]


def _bare(source: str) -> str:
    """Return a source without comments and docstrings; as it is, comments aside, if it does not parse."""
    try:
        tree = ast.parse(source)
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef):
                match node.body:
                    case [ast.Expr(value=ast.Constant(value=str())), *rest]:
                        node.body = rest
        return ast.unparse(tree)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return COMMENT.sub("", source)
