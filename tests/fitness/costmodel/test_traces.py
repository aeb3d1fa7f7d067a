"""Counts of kernels whose traffic is known, interpreted for real."""

from __future__ import annotations

import msgspec
import pytest

from fitness.costmodel.trace import LaunchTrace, windowed
from tests.fitness.costmodel.kernels import ADD, HEAD, MATMUL, SOFTMAX_THREE_PASS, STRIDED, TRANSPOSE, fill
from tests.fitness.interpreter.asking import spec, trace
from tests.fitness.interpreter.room import Ask


def only(room: Ask, source: str, entry: str, *inputs: object, **options: object) -> LaunchTrace:
    (launch,) = trace(room, source, entry, *inputs, **options).launches  # type: ignore[arg-type]
    return launch


def test_vector_addition_moves_its_bytes_and_no_more(room: Ask) -> None:
    launch = only(room, fill(ADD, BLOCK=1024, WARPS=4), "add", spec(1 << 20), spec(1 << 20))
    assert (launch.programs, launch.sampled) == (1024, 4)
    assert [each.load_bytes for each in launch.buffers] == [0, 4096, 4096] or sum(
        each.load_bytes for each in launch.buffers
    ) == 8192
    assert sum(each.store_bytes for each in launch.buffers) == 4096
    assert launch.sector_bytes == launch.footprint_bytes == launch.lane_bytes == 3 * 4096
    assert sum(each.unique_load_bytes + each.unique_store_bytes for each in launch.buffers) == 3 * 4 << 20
    assert (launch.loads, launch.stores, launch.rounds, launch.float_ops) == (2, 1, 1, 1024)
    assert all(each.window == () for each in launch.buffers), "neighbours share nothing"


@pytest.mark.parametrize("arch", ["sm_90", "gfx942"])
def test_a_strided_read_fetches_whole_sectors(room: Ask, arch: str) -> None:
    launch = only(room, fill(STRIDED, STEP=16), "strided", spec(1 << 16), arch=arch)
    sector = {"sm_90": 32, "gfx942": 64}[arch]
    source = next(each for each in launch.buffers if each.load_bytes)
    assert (source.load_bytes, source.load_sector_bytes) == (1024, 256 * sector)
    assert launch.lane_bytes == 256 * sector + 1024
    assert launch.lane_lines == 256 * 64 / 128 + 1024 / 128
    assert (source.load_pieces, source.store_pieces) == ({"sm_90": 256, "gfx942": 1}[arch], 0)


def test_a_transposed_store_coalesces_along_its_own_contiguous_dimension(room: Ask) -> None:
    launch = only(room, fill(TRANSPOSE, TM=64, TN=32, WARPS=4), "transpose", spec(1024, 1024))
    assert launch.lane_bytes == launch.sector_bytes == 2 * 64 * 32 * 4
    assert launch.lane_lines == launch.lane_bytes / 128
    assert sum(each.load_pieces for each in launch.buffers) == 64
    assert sum(each.store_pieces for each in launch.buffers) == 32


def test_a_product_counts_its_operations_and_sees_what_neighbours_share(room: Ask) -> None:
    source = fill(MATMUL, TM=64, TN=32, TK=32, GROUP=1, WARPS=4, STAGES=3)
    launch = only(room, source, "matmul", spec(512, 256, dtype="float16"), spec(256, 512, dtype="float16"))
    (dot,) = launch.dots
    assert (dot.m, dot.n, dot.k, dot.dtype, dot.count) == (64, 32, 32, "float16", 8)
    assert launch.programs * sum(each.flops for each in launch.dots) == 2 * 512 * 512 * 256
    assert launch.rounds == 8
    left, right = (next(each for each in launch.buffers if each.buffer == n) for n in (0, 1))
    assert left.load_bytes == 64 * 256 * 2
    assert right.load_bytes == 32 * 256 * 2
    assert windowed(left.window, 16) == pytest.approx(1, abs=1), "a row of 16 tiles shares the left strip"
    assert windowed(right.window, 32) == pytest.approx(16), "but needs all 16 right strips"
    assert left.unique_load_bytes == right.unique_load_bytes == 512 * 256 * 2


INDEXED = """
@triton.jit
def indexed_kernel(lengths, x, out, n, LENGTHS: tl.constexpr, BLOCK: tl.constexpr):
    total = 0
    for each in range(LENGTHS):
        total += tl.load(lengths + each)
    at = tl.arange(0, BLOCK)
    tl.store(out + tl.program_id(0) * BLOCK + at, tl.load(x + at) + total)

def indexed(lengths, x):
    out = torch.empty((200, 64), device=x.device)
    indexed_kernel[(200,)](lengths, x, out, 200, LENGTHS=lengths.numel(), BLOCK=64)
    return out
"""


@pytest.mark.parametrize("lengths", [1, 12, 90])
def test_what_neighbours_share_is_seen_behind_any_indices(room: Ask, lengths: int) -> None:
    launch = only(room, HEAD + INDEXED, "indexed", spec(lengths, dtype="int32"), spec(64), arch="gfx942")
    index, row = (next(each for each in launch.buffers if each.buffer == n) for n in (0, 1))
    assert windowed(index.window, 48) == windowed(row.window, 48) == pytest.approx(1)
    assert windowed(index.die_window, 16) == windowed(row.die_window, 16) == pytest.approx(1)


def test_three_passes_load_the_row_three_times_but_touch_it_once(room: Ask) -> None:
    source = fill(SOFTMAX_THREE_PASS, BLOCK=1024, WARPS=4)
    launch = only(room, source, "softmax", spec(4096, 4096))
    row = next(each for each in launch.buffers if each.load_bytes)
    assert (row.load_sector_bytes, row.load_distinct_bytes) == (3 * 16384, 16384)
    assert row.unique_load_bytes == 4096 * 16384
    assert launch.reductions == launch.crossings == 8, "four warps exchange what they found"
    assert launch.rounds == 12
    assert launch.repeats == 0, "a reduction or a store ends every round"
    assert launch.block_elements == (launch.loads + launch.stores) * 1024
    assert row.load_pieces == 1


ADDING = """
@triton.jit
def total_kernel(x, z, columns, BLOCK: tl.constexpr):
    lanes = tl.arange(0, BLOCK)
    row = tl.program_id(0)
    total = tl.zeros((BLOCK,), tl.float32)
    for start in range(0, columns, BLOCK):
        total += tl.load(x + row * columns + start + lanes)
    tl.store(z + row, tl.sum(total, axis=0))

def total(x):
    z = torch.empty(x.shape[0], device=x.device)
    total_kernel[(x.shape[0],)](x, z, x.shape[1], BLOCK=128)
    return z
"""


def test_a_loop_that_adds_up_waits_for_nothing_but_its_own_loads(room: Ask) -> None:
    launch = only(room, HEAD + ADDING, "total", spec(64, 1024))
    assert (launch.rounds, launch.repeats) == (8, 7)
    assert (launch.reductions, launch.crossings) == (1, 0), "one warp's lanes hold the whole row"


def test_a_trace_is_the_same_for_the_same_seed(room: Ask) -> None:
    source = fill(SOFTMAX_THREE_PASS, BLOCK=256, WARPS=4)
    first, again = (trace(room, source, "softmax", spec(64, 1000), seed=7) for _ in range(2))
    assert msgspec.json.encode(first) == msgspec.json.encode(again)


FILLED = """
@triton.jit
def histogram_kernel(index, counts, n, BLOCK: tl.constexpr):
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.atomic_add(counts + tl.load(index + at, mask=at < n, other=0), 1.0, mask=at < n)

def histogram(index):
    counts = torch.zeros(1000, device=index.device)
    histogram_kernel[(triton.cdiv(index.numel(), 256),)](index, counts, index.numel(), BLOCK=256)
    return counts
"""


def test_fills_and_atomics_are_noted(room: Ask) -> None:
    reply = trace(room, HEAD + FILLED, "histogram", spec(1 << 14, dtype="int64"))
    (launch,) = reply.launches
    assert [(each.before, each.size_bytes) for each in reply.fills] == [(0, 4000)]
    assert (launch.atomics, launch.loads) == (1, 1)


def test_windows_are_interpolated_and_go_on_with_their_slope() -> None:
    window = ((1, 1.0), (8, 1.0), (16, 2.0), (32, 4.0))
    assert windowed(window, 4) == 1.0
    assert windowed(window, 24) == 3.0
    assert windowed(window, 64) == 8.0
    assert windowed((), 64) == 64
    assert windowed(((1, 1.0),), 0.5) == 1.0
