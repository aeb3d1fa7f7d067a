# task: softmax
# expects: PASSED
# how: as many programs as the device holds, each takes every n-th row

import torch
import triton
import triton.language as tl


@triton.jit
def persistent(x_ptr, y_ptr, rows, n, B: tl.constexpr):
    at = tl.arange(0, B)
    for row in tl.range(tl.program_id(0), rows, tl.num_programs(0), num_stages=2):
        base = row * n
        x = tl.load(x_ptr + base + at, mask=at < n, other=-float("inf")).to(tl.float32)
        e = tl.exp(x - tl.max(x, axis=0))
        tl.store(y_ptr + base + at, (e / tl.sum(e, axis=0)).to(y_ptr.dtype.element_ty), mask=at < n)


def softmax(x):
    rows, n = x.shape
    units = torch.cuda.get_device_properties(x.device).multi_processor_count
    y = torch.empty_like(x)
    persistent[(min(rows, 4 * units),)](x, y, rows, n, triton.next_power_of_2(n), num_warps=8)
    return y
