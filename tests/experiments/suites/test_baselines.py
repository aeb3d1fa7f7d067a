"""What a torch user would call computes what the references of products and attention do."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from evo.task import Role, Workload
from experiments.suites.loader import load_task

ALIGNED = {"grouped_gemm": ("one_group", "mostly_empty")}
"""Check workloads that the baseline takes, where it does not take all: rows of whole 16 bytes."""
DTYPES = {"grouped_gemm": torch.float32}


@pytest.mark.parametrize(
    "name",
    [
        "matmul", "matmul_bias_gelu", "batched_matmul", "matmul_int8_weight", "grouped_gemm",
        "flash_attention", "decode_attention", "causal_conv1d",
    ],
)  # fmt: skip
def test_a_baseline_computes_what_the_reference_does(name: str) -> None:
    task, module = load_task(name), dict[str, Any]()
    exec(task.reference, module)
    taken = [w for w in task.having(Role.CHECK) if w.name in ALIGNED.get(name, (w.name,))]
    assert taken
    for workload in taken:
        inputs = widened(module["make_inputs"], workload, DTYPES.get(name, torch.float64))
        wanted, got = module["reference"](*inputs), module["baseline"](*inputs)
        torch.testing.assert_close(got, wanted)
        assert wanted.abs().max() > 0


def widened(make: Any, workload: Workload, dtype: torch.dtype) -> list[torch.Tensor]:
    inputs = make(workload, torch.Generator().manual_seed(5), "cpu")
    return [each.to(dtype) if each.is_floating_point() else each for each in inputs]
