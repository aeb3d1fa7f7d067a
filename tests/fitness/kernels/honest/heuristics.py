# task: softmax
# expects: PASSED
# how: block size from a heuristic, evenness as a compile-time flag

import torch
import triton
import triton.language as tl


@triton.heuristics(
    {
        "B": lambda args: triton.next_power_of_2(args["n"]),
        "EVEN": lambda args: args["n"] == triton.next_power_of_2(args["n"]),
        "num_warps": lambda args: 8 if args["n"] > 1024 else 4,
    }
)
@triton.jit
def rows(x_ptr, y_ptr, n, B: tl.constexpr, EVEN: tl.constexpr):
    base = tl.program_id(0).to(tl.int64) * n
    at = tl.arange(0, B)
    if EVEN:
        x = tl.load(x_ptr + base + at)
    else:
        x = tl.load(x_ptr + base + at, mask=at < n, other=-float("inf"))
    e = tl.exp(x.to(tl.float32) - tl.max(x.to(tl.float32), 0))
    tl.store(y_ptr + base + at, e / tl.sum(e, 0), mask=None if EVEN else at < n)


def softmax(x):
    y = torch.empty_like(x)
    rows[(x.shape[0], 1, 1)](x_ptr=x, y_ptr=y, n=x.shape[1])
    return y
