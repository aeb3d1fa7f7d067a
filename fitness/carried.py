"""What a loop carries: values that live in registers all the way round, whatever the compiler does.

A kernel whose loop carries far more than a thread has registers for spills it in every turn, and the code to
do so takes LLVM half a minute. It can be told from Triton IR at once.
"""

from __future__ import annotations

import math
import re

LOOP = re.compile(r"\bscf\.for .* iter_args\(.*\) -> \(([^)]*)\)")
"""A loop as MLIR prints it, and the types of what it carries."""
TENSOR = re.compile(r"tensor<((?:\d+x)+)(?:i|f|bf)(\d+)")
"""A tensor of numbers: shape and bits of an element. Of pointers the compiler carries few numbers."""
REGISTER_BITS = 32


def registers_carried(text: str, threads: int) -> int:
    """Return how many registers a thread needs at least for what any one loop carries.

    Args:
        text: Triton IR as MLIR prints it.
        threads: of a program; they share the elements of a tensor.
    """
    most = max((_bits(types[1]) for types in LOOP.finditer(text)), default=0)
    return most // (REGISTER_BITS * threads)


def _bits(types: str) -> int:
    """Return the bits of all tensors of numbers among these types."""
    return sum(
        math.prod(map(int, shape.rstrip("x").split("x"))) * int(bits) for shape, bits in TENSOR.findall(types)
    )
