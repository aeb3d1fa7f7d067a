"""What limits a kernel and what it holds, from its estimates and its IR."""

from __future__ import annotations

import pytest

from evo.evaluation import Bound
from fitness.costmodel.roofline import Breakdown, Estimate
from fitness.uses import LARGEST_TILE, bounds, largest_tile


@pytest.mark.parametrize(
    ("ttir", "elements"),
    [
        ("", 1),
        ("tt.func public @k(%x: !tt.ptr<f32>) { tt.return }", 1),
        ("%0 = arith.constant dense<0.0> : tensor<128x64xf32>", 8192),
        ("tensor<64x!tt.ptr<f16>> tensor<16x16xi1>, tensor<2x32x8xf16>", 512),
        (f"tensor<{'9' * 5000}xf32>", 1),
        (f"tensor<{'9999999x' * 8}f32>", LARGEST_TILE),
    ],
)
def test_the_largest_tile_is_that_of_the_ir(ttir: str, elements: int) -> None:
    assert largest_tile(ttir) == elements


def estimate(*launches: tuple[str, Bound, float]) -> Estimate:
    parts = tuple(
        Breakdown(
            kernel=kernel, bound=bound, total_ms=total, floor_ms=0.0, memory_ms=0.0, compute_ms=0.0,
            latency_ms=0.0, overhead_ms=0.0, memory_bytes=0.0, pipe="memory", resident=1, waves=1.0,
        )
        for kernel, bound, total in launches
    )  # fmt: skip
    return Estimate(latency_ms=sum(each.total_ms for each in parts), launches=parts)


def test_workloads_count_alike_whatever_their_latency() -> None:
    large = estimate(("a", Bound.MEMORY, 90.0), ("b", Bound.COMPUTE, 10.0))
    small = estimate(("a", Bound.LATENCY, 0.1))
    told = [large, small, small]
    assert bounds(told) == {"a": Bound.LATENCY, "b": Bound.COMPUTE}
    assert bounds([]) == {}
