"""Whether a kernel of the corpus is one of the task's own, and so must not be shown.

A corpus can hold the task's own kernels: the task itself is in the core suite, or the user's folder holds
what they have already. Such a kernel is known by its task's name, by the name of its entry point, by names in
it that speak of the task, by its syntax, and by what a kernel of it does, all names and numbers aside. One
that computes the same in another way and under names that say nothing cannot be told.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Sequence
from functools import lru_cache

from evo.candidate import Kernel
from evo.syntax import syntax_digest
from evo.task import Task
from operators.llm.code_tokens import name_parts
from operators.llm.corpus import Sample, is_jit, parsed, top_level_names

KEPT = 1024
"""Sources whose digests are remembered: those of the corpus come up again and again."""
EMPTY_WORDS = frozenset({
    "kernel", "triton", "tl", "fwd", "forward", "impl", "jit", "fast", "faster", "best", "new", "my", "opt",
    "optimized", "optimised", "optimal", "seed", "v", "ref", "tuned", "run", "launch", "entry", "py",
})  # fmt: skip
"""Words of a name that do not say what is computed."""


def is_own(sample: Sample, task: Task, kernel: Kernel | None) -> bool:
    """Return whether a sample may be a kernel of the task; the kernel is one of it."""
    if sample.task == task.name or task.entry_point in top_level_names(sample.source):
        return True
    if _speaks_of(sample, task):
        return True
    known = [task.seed.source, *([kernel.source] if kernel else [])]
    if _syntax(sample.source) in set(map(_syntax, known)):
        return True
    return not skeletons(sample.source).isdisjoint(frozenset().union(*map(skeletons, known)))


@lru_cache(maxsize=KEPT)
def _syntax(source: str) -> str:
    return syntax_digest(source)


def _speaks_of(sample: Sample, task: Task) -> bool:
    """Return whether a name in the sample is the task's, or, in a user's kernel, has the task's in it."""
    names = [*sample.task.split("/"), *top_level_names(sample.source)]
    for name in map(_telling, names):
        for own in (_telling(task.name), _telling(task.entry_point)):
            if own and (name == own if sample.ours else _within(own, name)):
                return True
    return False


def _telling(name: str) -> list[str]:
    """Return the words of a name that say what is computed."""
    return [part for part in name_parts(name) if part not in EMPTY_WORDS]


def _within(words: Sequence[str], name: Sequence[str]) -> bool:
    """Return whether words stand in a name one after the other, or its text holds theirs put together."""
    return "".join(words) in "".join(name)


@lru_cache(maxsize=KEPT)
def skeletons(source: str) -> frozenset[str]:
    """Return digests of what each jit function that loads and stores does, names and numbers aside."""
    tree = parsed(source)
    if tree is None:
        return frozenset()
    return frozenset(
        _skeleton(node)
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and any(map(is_jit, node.decorator_list)) and _moves_data(node)
    )


def _moves_data(function: ast.FunctionDef) -> bool:
    called = {node.attr for node in ast.walk(function) if isinstance(node, ast.Attribute)}
    return "load" in called and any(name == "store" or name.startswith("atomic") for name in called)


def _skeleton(function: ast.FunctionDef) -> str:
    """Return a digest of a function's statements, names numbered as they occur and integers alike."""
    numbers: dict[str, int] = {}
    words: list[str] = []
    waiting: list[ast.AST] = list(reversed(function.body))
    while waiting:
        node = waiting.pop()
        match node:
            case ast.Expr(value=ast.Constant(value=str())):
                continue
            case ast.Name(id=name) if name not in ("tl", "range", "float", "int"):
                words.append(f"n{numbers.setdefault(name, len(numbers))}")
                continue
            case ast.Constant(value=value):
                words.append("0" if type(value) is int else repr(value))
                continue
            case ast.Attribute(attr=name) | ast.keyword(arg=str(name)) | ast.Name(id=name):
                words.append(name)
        words.append(type(node).__name__)
        waiting.extend(reversed(list(ast.iter_child_nodes(node))))
    return hashlib.sha256(" ".join(words).encode(errors="surrogatepass")).hexdigest()
