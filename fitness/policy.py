"""The source policy: what a kernel module may say at all.

It reads the source and runs nothing. It is the second line of defence and a source of early, clear feedback;
the rooms are the first line, and hold what this one misses.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

import msgspec

from evo.evaluation import Status

LONGEST_SOURCE = 200_000
DEEPEST = 150
"""Levels of nested syntax: far more than kernels have, and few enough for whatever recurses over it."""
IMPORTS = frozenset({
    "__future__", "collections", "collections.abc", "dataclasses", "enum", "functools", "itertools", "math",
    "torch", "triton", "triton.language", "triton.language.extra", "triton.language.extra.libdevice",
    "triton.tools.tensor_descriptor", "typing",
})  # fmt: skip
TORCH = frozenset({
    "Tensor", "Size", "device", "dtype", "finfo", "iinfo", "cuda", "version", "strided", "contiguous_format",
    "empty", "empty_like", "empty_strided", "zeros", "zeros_like", "ones", "ones_like", "full", "full_like",
    "bool", "uint8", "int8", "int16", "int32", "int64", "long", "int", "short", "float16", "half", "bfloat16",
    "float32", "float", "float64", "double", "float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz",
    "float8_e5m2fnuz", "inf", "is_tensor", "promote_types", "no_grad", "inference_mode",
})  # fmt: skip
TORCH_CUDA = frozenset({
    "current_device", "device", "device_count", "get_device_capability", "get_device_name",
    "get_device_properties", "is_available", "synchronize",
})  # fmt: skip
NAMES = frozenset({
    "__import__", "breakpoint", "compile", "delattr", "eval", "exec", "exit", "getattr", "globals", "help",
    "input", "locals", "memoryview", "open", "quit", "setattr", "vars",
})  # fmt: skip
HOST_DATA = frozenset({"apply_", "map_", "numpy", "storage", "tolist", "typed_storage", "untyped_storage"})
"""What hands a tensor's elements to the host, past all that watches what torch computes."""
DUNDERS = frozenset({"__name__", "__all__", "__doc__", "__post_init__", "__init__"})


class Breach(msgspec.Struct, frozen=True):
    """Why a source may not go on, and the status that says so."""

    status: Status
    feedback: str


def breach(source: str, entry_point: str) -> Breach | None:
    """Return the first way in which a kernel module breaks the policy, or None."""
    if len(source) > LONGEST_SOURCE:
        return Breach(
            Status.REJECTED, f"a kernel module has at most {LONGEST_SOURCE} characters, got {len(source)}"
        )
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = f" (line {error.lineno})" if isinstance(error, SyntaxError) and error.lineno else ""
        told = str(error.msg) if isinstance(error, SyntaxError) else str(error)
        told = told.encode(errors="backslashreplace").decode()
        return Breach(Status.MALFORMED, f"the module does not parse: {told}{line}")
    if _depth(tree) > DEEPEST:
        return Breach(Status.MALFORMED, f"the module nests more than {DEEPEST} levels deep")
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    if entry_point not in {function.name for function in functions}:
        return Breach(Status.MALFORMED, f"the module must define the entry point {entry_point!r}")
    if not any(_is_jit(decorator) for each in functions for decorator in each.decorator_list):
        return Breach(Status.REJECTED, "the module must define at least one @triton.jit function")
    faults = [
        (getattr(node, "lineno", 0), number, fault)
        for number, node in enumerate(ast.walk(tree))
        for fault in _faults(node)
    ]
    if not faults:
        return None
    first, _, reason = min(faults)
    return Breach(Status.REJECTED, f"line {first}: {reason}")


def _depth(tree: ast.AST) -> int:
    """Return how deep the nodes of a tree are nested."""
    depth, level = 0, [tree]
    while level:
        level = [child for node in level for child in ast.iter_child_nodes(node)]
        depth += 1
    return depth


def _is_jit(decorator: ast.expr) -> bool:
    """Return whether a decorator is `@triton.jit` or `@jit`, called or not."""
    if isinstance(decorator, ast.Call):
        decorator = decorator.func
    match decorator:
        case ast.Name(id="jit") | ast.Attribute(value=ast.Name(id="triton"), attr="jit"):
            return True
    return False


def _faults(node: ast.AST) -> Iterator[str]:
    """Yield what one node does against the policy."""
    match node:
        case ast.Import(names=aliases):
            yield from (_no_import(alias.name) for alias in aliases if alias.name not in IMPORTS)
        case ast.ImportFrom(module=module, names=aliases, level=level):
            if level or module not in IMPORTS:
                yield _no_import("." * level + (module or ""))
            elif module == "torch":
                yield from (_no_torch(alias.name) for alias in aliases if alias.name not in TORCH)
        case ast.Attribute(value=ast.Name(id="torch"), attr=name) if name not in TORCH:
            yield _no_torch(name)
        case ast.Attribute(value=ast.Attribute(value=ast.Name(id="torch"), attr="cuda"), attr=name):
            if name not in TORCH_CUDA:
                yield _no_torch(f"cuda.{name}")
        case ast.Attribute(attr=name) if name in HOST_DATA:
            yield f".{name} hands a tensor's elements to the host; everything is computed in Triton"
        case ast.Attribute(attr=name) | ast.Name(id=name) if _is_dunder(name) and name not in DUNDERS:
            yield f"{name} is not allowed"
        case ast.Name(id=name) if name in NAMES:
            yield f"{name} is not allowed"
        case ast.BinOp(op=ast.MatMult()) | ast.AugAssign(op=ast.MatMult()):
            yield "the @ operator computes in torch; use tl.dot in a kernel"


def _is_dunder(name: str) -> bool:
    return name.startswith("__")


def _no_import(name: str) -> str:
    return (
        f"import of {name!r} is not allowed; a kernel imports torch, triton, triton.language and a few more"
    )


def _no_torch(name: str) -> str:
    return (
        f"torch.{name} is not allowed: host code may allocate (empty*), fill with constants and take views; "
        "everything else is computed in Triton"
    )
