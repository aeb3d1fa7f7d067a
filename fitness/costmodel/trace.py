"""What the programs of one launch do, as data: the interpreter counts it, the roofline reads it.

All figures of a launch are means over the sampled grid programs, a program, unless their name says otherwise.
A *sector* is the piece in which the target's caches fetch (`Device.sector_bytes`).
"""

from __future__ import annotations

import msgspec

Window = tuple[tuple[int, float], ...]


class Dot(msgspec.Struct, frozen=True, kw_only=True):
    """Products of one shape that a program computes with `tl.dot`.

    Attributes:
        m, n, k: shape of one product, batches folded into `m`.
        dtype: torch's name of the operands' dtype.
        precision: `ieee`, `tf32` or `tf32x3`; says something for float32 alone.
        count: products a program.
    """

    m: int
    n: int
    k: int
    dtype: str
    precision: str
    count: float

    @property
    def flops(self) -> float:
        """Floating-point operations a program: two a multiply-add."""
        return 2.0 * self.m * self.n * self.k * self.count


class BufferTraffic(msgspec.Struct, frozen=True, kw_only=True):
    """What programs load from and store to one buffer, in bytes.

    Attributes:
        buffer: the buffer's number within the call: inputs first, then as launches use them.
        size_bytes: size of the whole buffer.
        load_bytes, store_bytes: asked for by the lanes.
        load_sector_bytes, store_sector_bytes: sectors that each access touches, summed over the accesses.
        load_distinct_bytes, store_distinct_bytes: sectors that the program touches at least once.
        load_pieces, store_pieces: runs of neighbouring sectors that those which the program touches make up.
        unique_load_bytes, unique_store_bytes: distinct sectors of the *whole launch*, estimated.
        most_load_bytes, most_store_bytes: what the whole launch touches at most, as far as the sample tells:
            three standard errors above its mean. Of each program count the distinct sectors, or the bytes
            that it asks for if they are fewer.
        window: for some numbers of consecutive programs, how many times one's sectors they load together.
        die_window: the same for programs that land on one die, where the dies take turns.
    """

    buffer: int
    size_bytes: int
    load_bytes: float = 0.0
    load_sector_bytes: float = 0.0
    load_distinct_bytes: float = 0.0
    store_bytes: float = 0.0
    store_sector_bytes: float = 0.0
    store_distinct_bytes: float = 0.0
    load_pieces: float = 0.0
    store_pieces: float = 0.0
    unique_load_bytes: float = 0.0
    unique_store_bytes: float = 0.0
    most_load_bytes: float = 0.0
    most_store_bytes: float = 0.0
    window: Window = ()
    die_window: Window = ()


class LaunchTrace(msgspec.Struct, frozen=True, kw_only=True):
    """What the sampled programs of one launch did.

    Attributes:
        kernel: name of the `@triton.jit` function.
        grid: programs along x, y and z.
        sampled: programs that were interpreted whole.
        buffers: traffic, one a buffer.
        lane_bytes: sectors that each warp-wide memory instruction touches, summed, in bytes: coalescing.
        lane_lines: cache lines that each warp-wide memory instruction touches, summed.
        block_elements: elements of the blocks loaded and stored, those masked off included.
        lane_accesses: addresses that the lanes send out; one covers up to 16 contiguous bytes.
        loads, stores, atomics: accesses by blocks (a `tl.load` is one, whatever its shape).
        rounds: groups of loads that can be under way together; the next group waits for the one before.
        repeats: those of the rounds that ended only because one of their loads came by again.
        dots: products, one entry a shape and dtype.
        float_ops: floating-point instructions of all elements.
        integer_ops: integer instructions of all elements, address arithmetic above all.
        special_ops: instructions of the special-function unit (exponentials, reciprocals, roots).
        reductions: reductions and scans.
        crossings: those among them that several warps have to exchange partial results for.
        reduced_elements: elements that went into them.
    """

    kernel: str
    grid: tuple[int, int, int]
    sampled: int
    buffers: tuple[BufferTraffic, ...] = ()
    lane_bytes: float = 0.0
    lane_lines: float = 0.0
    block_elements: float = 0.0
    lane_accesses: float = 0.0
    loads: float = 0.0
    stores: float = 0.0
    atomics: float = 0.0
    rounds: float = 0.0
    repeats: float = 0.0
    dots: tuple[Dot, ...] = ()
    float_ops: float = 0.0
    integer_ops: float = 0.0
    special_ops: float = 0.0
    reductions: float = 0.0
    crossings: float = 0.0
    reduced_elements: float = 0.0

    @property
    def programs(self) -> int:
        """Programs of the whole grid."""
        return self.grid[0] * self.grid[1] * self.grid[2]

    @property
    def requested_bytes(self) -> float:
        """Bytes that a program's lanes load and store."""
        return sum(each.load_bytes + each.store_bytes for each in self.buffers)

    @property
    def sector_bytes(self) -> float:
        """Bytes of the sectors that a program's accesses touch."""
        return sum(each.load_sector_bytes + each.store_sector_bytes for each in self.buffers)

    @property
    def footprint_bytes(self) -> float:
        """Bytes of the distinct sectors that a program touches."""
        return sum(each.load_distinct_bytes + each.store_distinct_bytes for each in self.buffers)


class Fill(msgspec.Struct, frozen=True, kw_only=True):
    """A constant fill that the host asked for between launches.

    Attributes:
        before: number of launches made before it.
        size_bytes: bytes that it writes.
        buffer: the buffer's number within the call; None where it is not known.
    """

    before: int
    size_bytes: int
    buffer: int | None = None


class Output(msgspec.Struct, frozen=True, kw_only=True):
    """A buffer in which a call leaves its result.

    Attributes:
        buffer: the buffer's number within the call.
        size_bytes: bytes of the result that lie in it.
    """

    buffer: int
    size_bytes: int


class Trace(msgspec.Struct, frozen=True):
    """What one call does: its launches, the constant fills between them, and where the result lies."""

    launches: tuple[LaunchTrace, ...]
    fills: tuple[Fill, ...]
    outputs: tuple[Output, ...]


def windowed(window: Window, programs: float) -> float:
    """Return how many times one program's sectors `programs` programs load together.

    Linear between the observed windows, and beyond the last with the slope of its last stretch; never more
    than `programs`. Without observations nothing is shared.
    """
    if not window:
        return max(1.0, programs)
    if programs <= window[0][0]:
        return window[0][1]
    before = window[0]
    for after in window[1:]:
        if programs <= after[0]:
            break
        before = after
    else:
        before, after = (window[-2], window[-1]) if len(window) > 1 else ((0, 0.0), window[-1])
    slope = (after[1] - before[1]) / (after[0] - before[0])
    return min(max(1.0, after[1] + slope * (programs - after[0])), max(1.0, programs))
