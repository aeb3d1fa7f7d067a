"""Variants of kernels, written by hand to be measured: what a model of latency must be able to rank.

A folder is a kernel: `reference.py` as a task has it, templates (kernel modules that begin with their
tunables, one `NAME = value` a line) and `variants.toml`: dtype, sizes to time at, small sizes to check at,
and which values the tunables of each template take. The folder's name is the entry point's.
"""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import msgspec

from evo.candidate import Kernel
from evo.task import Role, Task, Tolerance, Workload

FOLDER = Path(__file__).parent
SMALL, TIMED = "small", "timed"


class Grid(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A template with the values of its tunables; every combination is a variant."""

    template: str
    values: dict[str, list[int]]


class VariantsFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A `variants.toml` as written."""

    dtype: str
    sizes: dict[str, int]
    small: dict[str, int]
    variants: tuple[Grid, ...]
    tolerance: Tolerance = Tolerance()


class Variant(msgspec.Struct, frozen=True):
    """One kernel module, and the template and values that it came from, as words."""

    label: str
    kernel: Kernel


class Family(msgspec.Struct, frozen=True):
    """Variants of one kernel; the task has a workload to check (`small`) and one to time (`timed`)."""

    task: Task
    variants: tuple[Variant, ...]

    @property
    def name(self) -> str:
        """The kernel's name."""
        return self.task.name

    @property
    def small(self) -> Workload:
        """The workload to check."""
        [workload] = self.task.having(Role.CHECK)
        return workload

    @property
    def timed(self) -> Workload:
        """The workload to time."""
        [workload] = self.task.having(Role.TIME)
        return workload


def family_names() -> list[str]:
    """Return the names of the kernels that there are variants of."""
    return sorted(path.parent.name for path in FOLDER.glob("*/variants.toml"))


def load_family(name: str) -> Family:
    """Return the variants of a kernel by its name, or by the path of its folder.

    Raises:
        ValueError: a template that lacks a tunable, or two variants of one label.
    """
    folder = FOLDER / name  # An absolute path stays itself.
    name = folder.name
    written = msgspec.toml.decode((folder / "variants.toml").read_text(), type=VariantsFile)
    variants = tuple(each for grid in written.variants for each in _variants(folder, grid))
    labels = [each.label for each in variants]
    if len(set(labels)) < len(labels):
        twice = sorted({each for each in labels if labels.count(each) > 1})
        raise ValueError(f"{name}: variants must differ, got twice: {', '.join(twice)}")
    task = Task(
        name=name, instruction="", entry_point=name, level=1,
        workloads=(
            _workload(written, SMALL, Role.CHECK, written.small),
            _workload(written, TIMED, Role.TIME, written.sizes),
        ),
        tolerance=written.tolerance, reference=(folder / "reference.py").read_text(), seed=variants[0].kernel,
    )  # fmt: skip
    return Family(task, variants)


def _workload(written: VariantsFile, name: str, role: Role, sizes: dict[str, int]) -> Workload:
    return Workload(name=name, role=role, dtype=written.dtype, sizes=sizes, bytes=0, flops=0)


def _variants(folder: Path, grid: Grid) -> list[Variant]:
    """Return the variants of one template, all combinations of its values."""
    template = (folder / f"{grid.template}.py").read_text()
    variants = []
    for values in itertools.product(*grid.values.values()):
        source, words = template, [grid.template]
        for name, value in zip(grid.values, values, strict=True):
            source, found = re.subn(rf"^{name} = .*$", f"{name} = {value}", source, flags=re.MULTILINE)
            if found != 1:
                raise ValueError(f"{folder.name}/{grid.template}.py must set {name} once, got {found} times")
            words.append(f"{name}={value}")
        variants.append(Variant(" ".join(words), Kernel(source)))
    return variants
