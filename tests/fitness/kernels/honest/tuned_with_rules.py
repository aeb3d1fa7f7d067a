# task: flip
# expects: PASSED
# how: an autotuner that prunes, and a configuration that a static assertion excludes

import torch
import triton
import triton.language as tl


def keep(configs, args, **_):
    return [config for config in configs if config.kwargs["B"] >= 256]


@triton.autotune(
    configs=[triton.Config({"B": block}, num_warps=2) for block in (64, 256, 512, 1024)],
    key=["n"],
    prune_configs_by={"early_config_prune": keep},
)
@triton.jit
def move(x_ptr, y_ptr, n, B: tl.constexpr):
    tl.static_assert(B <= 512)
    row = tl.program_id(1).to(tl.int64) * n
    at = tl.program_id(0) * B + tl.arange(0, B)
    tl.store(y_ptr + row + at, tl.load(x_ptr + row + n - 1 - at, mask=at < n), mask=at < n)


def flip(x):
    y = torch.empty_like(x)
    move[lambda meta: (triton.cdiv(x.shape[1], meta["B"]), x.shape[0])](x, y, x.shape[1])
    return y
