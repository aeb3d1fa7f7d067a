"""Reads task folders: `task.toml`, `reference.py`, `seed.py`. No torch needed."""

from __future__ import annotations

import ast
import math
import re
from pathlib import Path

import msgspec

from evo.candidate import Kernel
from evo.errors import TaskError
from evo.task import Role, Task, Tolerance, Workload
from experiments.reading import read_text
from experiments.suites.sizes import LARGEST, evaluate

SUITES = Path(__file__).parent
FAMILIES = ("large", "small", "heavy_tail", "zeros", "one_hot", "minus_infinity")
"""Input families that a task may name: those of `fitness.families`, which cannot be asked without torch."""
ITEM_BYTES = {"float64": 8, "float32": 4, "float16": 2, "bfloat16": 2, "int64": 8, "int32": 4, "int8": 1}


class WorkloadFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One `[[workloads]]` entry of a task file."""

    name: str
    role: Role
    dtype: str
    sizes: dict[str, int]


class TaskFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A task file as written; `bytes` and `flops` are expressions over the sizes and `itemsize`."""

    level: int
    entry_point: str
    instruction: str
    bytes: str
    flops: str
    workloads: tuple[WorkloadFile, ...]
    families: tuple[str, ...] = ()
    tolerance: Tolerance = Tolerance()
    mutates: tuple[str, ...] = ()


def task_names() -> list[str]:
    """Return the names of the tasks that come with kernevo."""
    return sorted(path.parent.name for path in SUITES.glob("*/task.toml"))


def load_task(name: str) -> Task:
    """Return a task by its name, or by the path of its folder.

    Raises:
        TaskError: no such task, or a folder that does not hold a whole one.
    """
    folder = SUITES / name if name in task_names() else Path(name)
    if not (folder / "task.toml").is_file():
        raise TaskError(
            f"task must be one of {', '.join(task_names())} or a folder with a task.toml, got {name!r}"
        )
    try:
        text = read_text(folder / "task.toml", "task file", TaskError)
        written = msgspec.toml.decode(text, type=TaskFile)
        workloads = tuple(_workload(written, each) for each in written.workloads)
    except (ValueError, RecursionError) as error:
        raise TaskError(f"task {folder.name}: task.toml: {error}") from None
    reference, seed = (
        read_text(folder / each, "task file", TaskError) for each in ("reference.py", "seed.py")
    )
    task = Task(
        name=folder.resolve().name, instruction=written.instruction.strip(), entry_point=written.entry_point,
        level=written.level, workloads=workloads, families=written.families, tolerance=written.tolerance,
        mutates=written.mutates, reference=reference, seed=Kernel(seed),
    )  # fmt: skip
    _check(task)
    return task


def _workload(task: TaskFile, written: WorkloadFile) -> Workload:
    """Return a workload with its bytes and flops worked out."""
    if written.dtype not in ITEM_BYTES:
        raise ValueError(f"dtype must be one of {', '.join(ITEM_BYTES)}, got {written.dtype!r}")
    for name, size in written.sizes.items():
        if not 0 <= size <= LARGEST:
            raise ValueError(f"a size must be 0 to 2**63 - 1, got {name} = {size}")
    known = {**written.sizes, "itemsize": ITEM_BYTES[written.dtype]}
    return Workload(
        name=written.name, role=written.role, dtype=written.dtype, sizes=written.sizes,
        bytes=evaluate(task.bytes, known), flops=evaluate(task.flops, known),
    )  # fmt: skip


def _check(task: Task) -> None:
    """Refuse a task that cannot be searched."""
    names = [workload.name for workload in task.workloads]
    tolerance = task.tolerance
    multiples = [each for each in (tolerance.rms_multiple, tolerance.max_multiple) if each is not None]
    faults = [
        (
            not all(re.fullmatch(r"[A-Za-z0-9_.-]+", name) for name in names),
            f"workload names must be letters, digits, '_', '.' and '-', got {', '.join(map(repr, names))}",
        ),
        (
            not all(0 < each < math.inf for each in multiples),
            f"tolerances must be positive and finite, got {', '.join(map(str, multiples))}",
        ),
        (
            not 0 <= tolerance.off_by_one < 1 or (tolerance.exact and tolerance.off_by_one > 0),
            f"off_by_one must be a share from 0 to 1, and 0 where results are exact, "
            f"got {tolerance.off_by_one}",
        ),
        (len(set(names)) < len(names), f"workload names must differ, got {', '.join(names)}"),
        (not task.having(Role.CHECK), "at least one workload must have role 'check', got none"),
        (not task.having(Role.TIME), "at least one workload must have role 'time', got none"),
        (
            not set(task.families) <= set(FAMILIES),
            f"families must be among {', '.join(FAMILIES)}, got {', '.join(task.families)}",
        ),
        (not 1 <= task.level <= 5, f"level must be 1 to 5, got {task.level}"),
        ("make_inputs" not in _functions(task, "reference.py"), "reference.py must define make_inputs"),
        ("reference" not in _functions(task, "reference.py"), "reference.py must define reference"),
        (
            task.entry_point not in _functions(task, "seed.py"),
            f"seed.py must define the entry point {task.entry_point!r}",
        ),
    ]
    for wrong, message in faults:
        if wrong:
            raise TaskError(f"task {task.name}: {message}")


def _functions(task: Task, file: str) -> set[str]:
    """Return the names of the top-level functions of one of a task's modules."""
    source = task.seed.source if file == "seed.py" else task.reference
    try:
        body = ast.parse(source, file).body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise TaskError(f"task {task.name}: {file} must be Python: {error}") from None
    return {node.name for node in body if isinstance(node, ast.FunctionDef)}
