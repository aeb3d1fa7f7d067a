"""How a correct kernel uses the device: what limits it, and the largest tile that it holds."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable

from evo.evaluation import Bound
from fitness.costmodel.roofline import Estimate

LARGEST_TILE = 2**20  # what Triton allows
_TENSOR = re.compile(r"\btensor<((?:\d{1,7}x){1,8})")  # bounded, for a kernel may print what it likes


def largest_tile(ttir: str) -> int:
    """Return the elements of the largest block that the Triton IR of a kernel names; 1 if it names none.

    Pointers and masks count like values: they are held for each element too.
    """
    shapes = set(_TENSOR.findall(ttir))
    sizes = (math.prod(map(int, shape[:-1].split("x"))) for shape in shapes)
    return min(max((1, *sizes)), LARGEST_TILE)


def bounds(estimates: Iterable[Estimate]) -> dict[str, Bound]:
    """Return what limits each `@triton.jit` function for most of its time, by name.

    Args:
        estimates: one a timed workload. Each counts alike, whatever its latency, as it does in a speed-up.
    """
    shares: Counter[tuple[str, Bound]] = Counter()
    for estimate in estimates:
        for launch in estimate.launches:
            shares[launch.kernel, launch.bound] += launch.total_ms / estimate.latency_ms  # type: ignore[assignment]
    names = {name for name, _ in shares}
    return {name: max(Bound, key=lambda bound: shares[name, bound]) for name in names}
