"""The mistakes that kernels of these tasks often make are found by the tasks' own check workloads."""

from __future__ import annotations

import hashlib

import pytest

from evo.evaluation import Stage, Status
from experiments.suites.loader import load_task
from tests.fitness.lab import Lab

MISTAKES = {
    ("vector_add", "elements beyond the last one stored"): ("x + y, mask=mask", "x + y"),
    ("transpose", "rows and columns mixed up in the mask"): (
        "(rows < n_rows)[:, None] & (cols < n_cols)", "(rows < n_cols)[:, None] & (cols < n_rows)",
    ),
    ("gelu", "the tanh approximation"): (
        "0.5 * x * (1.0 + tl.erf(x * 0.7071067811865476))",
        "x * tl.sigmoid(1.5957691216 * (x + 0.044715 * x * x * x))",
    ),
    ("swiglu", "the halves swapped"): (
        "gate / (1.0 + tl.exp(-gate)) * up", "up / (1.0 + tl.exp(-up)) * gate",
    ),
    ("embedding", "the index of the token before"): (
        "indices_ptr + token)", "indices_ptr + token - (token > 0))",
    ),
    ("rms_norm", "what is masked off counted in the mean"): (
        "squares / n_cols", "squares / (tl.cdiv(n_cols, BLOCK) * BLOCK)",
    ),
    ("layer_norm", "what is masked off counted in the variance"): (
        "tl.where(mask, x - mean, 0.0)", "x - mean",
    ),
    ("log_softmax", "the sum of the last block alone"): ("row_sum += ", "row_sum = "),
    ("cross_entropy", "one class for all rows"): ("logits_row + target)", "logits_row + target * 0)"),
    ("argmax", "the last of equals"): ("block_best > best", "block_best >= best"),
    ("argmax", "the place within its block"): ("start + block_at", "block_at"),
    ("kl_div", "the logarithm of a target of zero"): ("tl.where(target > 0.0, target, 1.0)", "target"),
    ("fused_add_rms_norm", "the residual left as it was"): ("total.to(residual", "residual.to(residual"),
    ("rotary_embedding", "turned the other way"): (
        "first * cos - second * sin", "first * cos + second * sin",
    ),
    ("cumsum", "the sum of the blocks before left out"): ("before + tl.cumsum", "tl.cumsum"),
    ("cumsum", "the element itself left out"): ("tl.cumsum(x, axis=0)", "tl.cumsum(x, axis=0) - x"),
    ("histogram", "additions that are not atomic"): (
        "tl.atomic_add(counts_ptr + x, 1, mask=mask)",
        "tl.store(counts_ptr + x, tl.load(counts_ptr + x, mask=mask) + 1, mask=mask)",
    ),
    ("quantize_int8", "fractions cut off"): ("libdevice.rint(x / step)", "(x / step)"),
    ("quantize_int8", "128 steps, which int8 does not have"): ("/ 127.0", "/ 128.0"),
    ("adamw_step", "no correction of the first steps"): ("exp_avg / correction_1", "exp_avg"),
    ("adamw_step", "a decay that the learning rate does not scale"): ("1.0 - lr * weight", "1.0 - weight"),
    ("matmul", "the rest of k left out"): ("range(0, k, BLOCK_K)", "range(0, k - BLOCK_K + 1, BLOCK_K)"),
    ("matmul", "columns beyond the last one stored"): ("cols[None, :] < n)\n    tl.st", "True)\n    tl.st"),
    ("matmul_bias_gelu", "the quick approximation of GELU"): (
        "0.5 * x * (1.0 + tl.erf(x * 0.7071067811865476))", "x * tl.sigmoid(1.702 * x)",
    ),
    ("matmul_bias_gelu", "one bias everywhere"): ("bias_ptr + cols,", "bias_ptr + cols * 0,"),
    ("batched_matmul", "one right side for all"): ("b_ptr += batch * k * n", "b_ptr += 0 * batch"),
    ("matmul_int8_weight", "one scale everywhere"): ("scales_ptr + cols,", "scales_ptr + cols * 0,"),
    ("matmul_int8_weight", "weights taken for unsigned"): (
        "weight.to(x.dtype)", "weight.to(tl.uint8, bitcast=True).to(x.dtype)",
    ),
    ("grouped_gemm", "one matrix for all groups"): ("group.to(tl.int64) *", "group.to(tl.int64) * 0 *"),
    ("grouped_gemm", "an empty group ends the search"): (
        "tiles_before += tiles", "tiles_before += tl.where(tiles > 0, tiles, 10000)",
    ),
    ("flash_attention", "no mask of the keys to come"): (
        "cols[None, :] <= rows[:, None]", "cols[None, :] < length + 0 * rows[:, None]",
    ),
    ("flash_attention", "a query blind to its own key"): ("cols[None, :] <= rows", "cols[None, :] < rows"),
    ("flash_attention", "the products so far not rescaled"): ("out * shrink[:, None]", "out"),
    ("decode_attention", "heads dealt out in turn"): ("head // (heads // kv_heads)", "head % kv_heads"),
    ("decode_attention", "the cache taken for full"): (
        "length = tl.load(lengths_ptr + sequence)", "length = longest",
    ),
    ("causal_conv1d", "taps in reverse"): ("channel * WIDTH + tap", "channel * WIDTH + WIDTH - 1 - tap"),
    ("causal_conv1d", "a look ahead"): ("cols + (tap - WIDTH + 1)", "cols + (tap - WIDTH // 2)"),
    ("causal_conv1d", "a past taken from the row before"): ("(at >= 0) & (at < length)", "at < length"),
}  # fmt: skip


def found(lab: Lab, mistake: tuple[str, str]) -> None:
    task, (old, new) = load_task(mistake[0]), MISTAKES[mistake]
    assert old in task.seed.source
    evaluation = lab.evaluate(task.seed.source.replace(old, new), task)
    assert evaluation.stage is Stage.CHECK, evaluation
    assert evaluation.status in (Status.WRONG, Status.CRASHED), evaluation.feedback
    assert evaluation.checks_passed < evaluation.checks_total


def some() -> list[tuple[str, str]]:
    """Return a few of the mistakes, others whenever one of the tasks changes."""
    digests = [load_task(name).digest for name in sorted({name for name, _ in MISTAKES})]
    return sorted(MISTAKES, key=lambda each: hashlib.sha256("/".join((*each, *digests)).encode()).digest())[
        :3
    ]


@pytest.mark.parametrize("mistake", some(), ids=": ".join)
def test_a_common_mistake_is_found(lab: Lab, mistake: tuple[str, str]) -> None:
    found(lab, mistake)


@pytest.mark.thorough
@pytest.mark.parametrize("mistake", MISTAKES, ids=": ".join)
def test_every_common_mistake_is_found(lab: Lab, mistake: tuple[str, str]) -> None:
    found(lab, mistake)


def test_quotients_near_a_half_may_be_rounded_by_another_rule(lab: Lab) -> None:
    task = load_task("quantize_int8")
    other = task.seed.source.replace("libdevice.rint(x / step)", "tl.floor(x * (1.0 / step) + 0.5)")
    assert other != task.seed.source
    evaluation = lab.evaluate(other, task)
    assert evaluation.status is Status.PASSED, evaluation.feedback
