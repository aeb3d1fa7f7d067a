"""Traits: what kind of work a kernel does, read off its source and its task's sizes."""

from __future__ import annotations

import ast
from enum import StrEnum

from evo.task import Role, Task
from operators.llm.corpus import parsed
from operators.llm.target import Target


class Trait(StrEnum):
    """A kind of work.

    Attributes:
        ELEMENTWISE: neither reduces, scans, multiplies blocks, gathers nor adds atomically.
        REDUCTION: reduces a block along an axis.
        SCAN: running sums and the like.
        MATMUL: multiplies blocks.
        ATTENTION: multiplies blocks on both sides of an exponential.
        SOFTMAX: exponentials over a largest element.
        GATHER: loads or stores at addresses that it has loaded.
        ATOMICS: adds to memory that other programs add to.
        LOOP: walks over blocks in a loop.
        MEMORY: the task's bytes take the target longer than its arithmetic.
        COMPUTE: the task's arithmetic takes longer.
        HALF, BFLOAT, FLOAT8, INTEGER: some workload's inputs are of this dtype.
    """

    ELEMENTWISE = "elementwise"
    REDUCTION = "reduction"
    SCAN = "scan"
    MATMUL = "matmul"
    ATTENTION = "attention"
    SOFTMAX = "softmax"
    GATHER = "gather"
    ATOMICS = "atomics"
    LOOP = "loop"
    MEMORY = "memory"
    COMPUTE = "compute"
    HALF = "half"
    BFLOAT = "bfloat"
    FLOAT8 = "float8"
    INTEGER = "integer"


REDUCTIONS = frozenset({"sum", "max", "min", "argmax", "argmin", "xor_sum", "reduce", "reduce_or"})
SCANS = frozenset({"cumsum", "cumprod", "associative_scan", "sort"})
EXPONENTIALS = frozenset({"exp", "exp2"})
COMPUTING = frozenset({
    Trait.REDUCTION, Trait.SCAN, Trait.MATMUL, Trait.GATHER, Trait.ATOMICS,
})  # fmt: skip
DTYPES = {
    "float16": Trait.HALF, "bfloat16": Trait.BFLOAT, "float8": Trait.FLOAT8, "int": Trait.INTEGER,
}  # fmt: skip
"""How the names of dtypes begin that have traits of their own."""


def traits_of(task: Task, target: Target, source: str) -> frozenset[Trait]:
    """Return the traits of a task on a target and of a kernel for it."""
    dtypes = {
        trait
        for workload in task.workloads
        for start, trait in DTYPES.items()
        if workload.dtype.startswith(start)
    }
    return frozenset(dtypes | {_balance(task, target)} | _work(source))


def _balance(task: Task, target: Target) -> Trait:
    """Return what the timed workloads take the target longer for: bytes or arithmetic."""
    loading = computing = 0.0
    for workload in task.having(Role.TIME):
        rate = max(target.matrix_flops.get(workload.dtype, 0.0), target.vector_flops)
        loading += workload.bytes / target.memory_bytes_per_s
        computing += workload.flops / rate
    return Trait.COMPUTE if computing > loading else Trait.MEMORY


def _work(source: str) -> set[Trait]:
    """Return what a kernel's code does; nothing if Python does not parse it."""
    tree = parsed(source)
    if tree is None:
        return set()
    nodes = list(ast.walk(tree))
    called = [_called(node) for node in nodes if isinstance(node, ast.Call)]
    names = set(called)
    dots = called.count("dot")
    found = {
        trait
        for trait, has in (
            (Trait.REDUCTION, names & REDUCTIONS),
            (Trait.SCAN, names & SCANS),
            (Trait.MATMUL, dots),
            (Trait.ATTENTION, dots > 1 and names & EXPONENTIALS),
            (Trait.SOFTMAX, names & EXPONENTIALS and "max" in names),
            (Trait.GATHER, "gather" in names or _gathers(nodes)),
            (Trait.ATOMICS, any(name.startswith("atomic_") for name in names)),
            (Trait.LOOP, any(isinstance(node, ast.For | ast.While) for node in nodes)),
        )
        if has
    }
    if not found & COMPUTING:
        found.add(Trait.ELEMENTWISE)
    return found


def _called(call: ast.Call) -> str:
    """Return the name of what `tl.name(…)` calls; empty for any other call."""
    match call.func:
        case ast.Attribute(value=ast.Name(id="tl"), attr=name):
            return name
    return ""


def _gathers(nodes: list[ast.AST]) -> bool:
    """Return whether an address is made of something that was loaded."""
    loaded = {
        name.id
        for node in nodes
        if isinstance(node, ast.Assign) and _loads(node.value)
        for target in node.targets
        for name in ast.walk(target)
        if isinstance(name, ast.Name)
    }
    return any(
        isinstance(each, ast.Name) and each.id in loaded
        for node in nodes
        if isinstance(node, ast.Call) and node.args
        if _called(node) in ("load", "store") or _called(node).startswith("atomic_")
        for each in ast.walk(node.args[0])
    )


def _loads(value: ast.expr) -> bool:
    return any(isinstance(node, ast.Call) and _called(node) == "load" for node in ast.walk(value))
