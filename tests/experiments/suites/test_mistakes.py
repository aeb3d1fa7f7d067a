"""The mistakes that kernels of these tasks often make are found by the tasks' own check workloads."""

from __future__ import annotations

import hashlib

import pytest

from evo.evaluation import Stage, Status
from experiments.suites.loader import load_task
from tests.fitness.lab import Lab

MISTAKES = {
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
