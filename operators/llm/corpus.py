"""Kernels that may be shown as exemplars: those handed in, and those in folders that the user names."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from evo.errors import SettingsError

LONGEST = 24_000
"""Characters of the longest module that is shown: a prompt has room for one, beside the parent's."""
MOST_FILES = 2_000
"""Files that are read of one folder; a corpus of kernels is smaller, and a home folder larger."""


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """A kernel of the corpus.

    Attributes:
        task: name of the task that it solves; of a user's kernel, its path in its folder without the suffix.
        source: its module.
        instruction: what it computes, in words.
        note: one line on where it comes from.
        ours: whether it belongs to a task by that name; if not, nothing but its names says what it computes.
    """

    task: str
    source: str
    instruction: str
    note: str = ""
    ours: bool = True


class Found(msgspec.Struct, frozen=True):
    """What a folder holds.

    Attributes:
        samples: its kernels, by path.
        notes: one line for each file that is passed over, and why.
    """

    samples: tuple[Sample, ...]
    notes: tuple[str, ...]


def samples_in(folder: Path) -> Found:
    """Return the kernels in a folder and the folders in it: every `.py` file with a `@triton.jit` function.

    Links to folders are not followed. A file that is no kernel is passed over, with a note.

    Raises:
        SettingsError: there is no such folder, or it cannot be read.
    """
    try:
        next(folder.iterdir(), None)
    except OSError as error:
        raise SettingsError(f"corpus folder {folder} cannot be read: {error.strerror}") from None
    samples: list[Sample] = []
    notes: list[str] = []
    for number, path in enumerate(_modules(folder)):
        if number == MOST_FILES:
            notes.append(f"{folder}: no more than {MOST_FILES} files are read, there are more")
            break
        read = _sample(path, path.relative_to(folder))
        if isinstance(read, Sample):
            samples.append(read)
        else:
            notes.append(f"{path}: {read}")
    return Found(tuple(samples), tuple(notes))


def top_level_names(source: str) -> frozenset[str]:
    """Return the names of a module's top-level functions; none if Python does not parse it."""
    tree = parsed(source)
    if tree is None:
        return frozenset()
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))


def parsed(source: str) -> ast.Module | None:
    """Return a module's syntax tree, or None if Python does not parse it."""
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def is_jit(decorator: ast.expr) -> bool:
    """Return whether a decorator is `@triton.jit` or `@jit`, called or not."""
    target = decorator.func if isinstance(decorator, ast.Call) else decorator
    return isinstance(target, ast.Name | ast.Attribute) and ast.unparse(target) in ("triton.jit", "jit")


def _modules(folder: Path) -> Iterator[Path]:
    """Yield the paths of a folder's Python files in an order that the file system has no say in."""
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(each for each in folders if not each.startswith("."))
        yield from (Path(place, each) for each in sorted(files) if each.endswith(".py"))


def _sample(path: Path, place: Path) -> Sample | str:
    """Return the kernel in a file, or one line that says why there is none."""
    try:
        if not path.is_file():
            return "is no file"
        with path.open("rb") as file:
            raw = file.read(4 * LONGEST + 1)
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    try:
        source = raw.decode().replace("\r\n", "\n")
    except UnicodeDecodeError:
        source = ""
    if len(raw) > 4 * LONGEST or len(source) > LONGEST:
        return f"may have {LONGEST} characters, it has more"
    if raw and not source:
        return "is not UTF-8 text"
    tree = parsed(source)
    if tree is None:
        return "is not Python"
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    if not any(is_jit(decorator) for each in functions for decorator in each.decorator_list):
        return "has no @triton.jit function"
    told = [ast.get_docstring(tree), *map(ast.get_docstring, functions)]
    return Sample(
        task=place.with_suffix("").as_posix(), source=source, instruction=" ".join(filter(None, told)),
        note=f"{place.as_posix()} of the user's corpus", ours=False,
    )  # fmt: skip
