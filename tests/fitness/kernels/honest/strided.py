# task: softmax
# expects: PASSED
# how: strides as arguments, any leading dimensions

import torch
import triton
import triton.language as tl


@triton.jit
def rows(x_ptr, y_ptr, x_row, x_col, y_row, y_col, n, B: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    at = tl.arange(0, B)
    x = tl.load(x_ptr + row * x_row + at * x_col, mask=at < n, other=-float("inf")).to(tl.float32)
    e = tl.exp(x - tl.max(x, 0))
    tl.store(y_ptr + row * y_row + at * y_col, e / tl.sum(e, 0), mask=at < n)


def softmax(x: torch.Tensor) -> torch.Tensor:
    assert x.is_cuda and x.dtype in (torch.float32, torch.float16)
    flat = x.view(-1, x.size(-1))
    y = torch.empty_like(x)
    out = y.reshape(flat.shape)
    with torch.cuda.device(x.device):
        rows[flat.shape[0],](
            flat, out, *flat.stride(), *out.stride(), flat.shape[1], triton.next_power_of_2(flat.shape[1])
        )
    return y
