"""What is known of a kernel's tunables: settings tried on the same structure, and how they did."""

from __future__ import annotations

import ast
import hashlib
import re
from collections import deque
from collections.abc import Mapping

import msgspec

from evo.candidate import Kernel
from operators.nearby import Trial
from operators.remembered import Remembered
from operators.rewrites.family import Backend
from operators.rewrites.tunables import Tunable, tunables, with_values
from operators.syntax.kernel_module import KernelModule, read_module
from operators.syntax.parsing import parsed

KEPT = 4_096  # kernels noted last, of all structures
LATEST = 128  # of these, the most that are read for one structure
STAND_IN = 9_973  # what every tunable becomes in a structure; no tile and no option is ever a large prime


class Tuned(msgspec.Struct, frozen=True, eq=False):
    """A kernel as a structure with settings.

    Attributes:
        structure: digest of what it does, whatever its tunables are; layout and comments do not count.
        module: as read.
        tunables: what may be set, in the order of the source.
    """

    structure: str
    module: KernelModule
    tunables: tuple[Tunable, ...]

    @property
    def values(self) -> dict[str, int]:
        """What the tunables are now, by key."""
        return {tunable.key: tunable.value for tunable in self.tunables}

    def source(self, values: Mapping[str, int]) -> str:
        """Return the source with other values."""
        return with_values(self.module, self.tunables, values)


class Trials:
    """The trials of every structure, a fold of the kernels noted; the oldest of too many are forgotten.

    Noting costs nothing, so that a long search is resumed quickly. Once trials are asked for, kernels are
    told apart by an outline of their text, and only those of one outline are read.
    """

    def __init__(self, backend: Backend) -> None:
        """Take the backend that the kernels are compiled with, which decides what options there are."""
        self._backend = backend
        self._noted: deque[tuple[Kernel, float | None]] = deque(maxlen=KEPT)
        self._outline = Remembered(_outline, size=2 * KEPT)
        self.read = Remembered(self._read, size=8 * LATEST)

    def note(self, kernel: Kernel, worth: float | None) -> None:
        """Note how a kernel did, after all that was noted before."""
        self._noted.append((kernel, worth))

    def of(self, kernel: Kernel) -> list[Trial]:
        """Return the trials of a kernel's structure, in the order in which they were noted."""
        tuned = self.read(kernel)
        if tuned is None:
            return []
        outline, found = self._outline(kernel.source), []
        alike = [noted for noted in self._noted if self._outline(noted[0].source) == outline]
        for other, worth in alike[-LATEST:]:
            read = self.read(other)
            if read is not None and read.structure == tuned.structure:
                found.append(Trial(read.values, worth))
        return found

    def _read(self, kernel: Kernel) -> Tuned | None:
        """Return a kernel as structure and settings; None if there is nothing to set."""
        tree = parsed(kernel)
        if tree is None:
            return None
        module = read_module(tree)
        found = tunables(module, self._backend)
        if not found:
            return None
        bare = with_values(module, found, {tunable.key: STAND_IN for tunable in found})
        return Tuned(_structure(bare), module, found)


def _structure(source: str) -> str:
    """Return the digest of a module, the order of keywords and of entries aside."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and all(keyword.arg for keyword in node.keywords):
            node.keywords.sort(key=lambda keyword: keyword.arg or "")
        elif isinstance(node, ast.Dict) and all(isinstance(key, ast.Constant) for key in node.keys):
            entries = sorted(zip(node.keys, node.values, strict=True), key=lambda entry: ast.dump(entry[1]))
            entries.sort(key=lambda entry: "" if entry[0] is None else ast.dump(entry[0]))
            node.keys, node.values = [key for key, _ in entries], [value for _, value in entries]
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()


_COMMENT = re.compile(r"#[^\n]*")
_NUMBER = re.compile(r"\b\d+\b")
_SPACE = re.compile(r"\s+")
_NAMES = "num_warps|num_stages|waves_per_eu|matrix_instr_nonkdim|kpack"
_OPTION = re.compile(rf",(?:{_NAMES})=\w+|[\"'](?:{_NAMES})[\"']:\w+,?")
_TRAILING = re.compile(r",(?=[)}\]])")


def _outline(source: str) -> str:
    """Return a digest that kernels of one structure share as a rule, and that needs no parsing."""
    text = _SPACE.sub("", _NUMBER.sub("0", _COMMENT.sub("", source)))
    return hashlib.sha256(_TRAILING.sub("", _OPTION.sub("", text)).encode()).hexdigest()
