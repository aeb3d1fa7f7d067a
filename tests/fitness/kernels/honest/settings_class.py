# task: flip
# expects: PASSED
# how: host code with a dataclass, a cached function and a constant

import functools
from dataclasses import dataclass

import torch
import triton
import triton.language as tl


BLOCK: tl.constexpr = tl.constexpr(512)


@dataclass(frozen=True)
class Shape:
    """Rows and columns."""

    rows: int
    cols: int

    @property
    def grid(self):
        return (self.rows, triton.cdiv(self.cols, 512))


@functools.lru_cache
def warps(cols):
    return 8 if cols > 4096 else 4


@triton.jit
def move(x_ptr, y_ptr, n):
    row = tl.program_id(0).to(tl.int64) * n
    at = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    tl.store(y_ptr + row + at, tl.load(x_ptr + row + n - 1 - at, mask=at < n), mask=at < n)


def flip(x):
    shape = Shape(*x.shape)
    y = x.new_empty(x.shape)
    move[shape.grid](x, y, shape.cols, num_warps=warps(shape.cols))
    return y
