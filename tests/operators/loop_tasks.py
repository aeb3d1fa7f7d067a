"""Tasks whose seeds are the kernels with loops, for the real evaluator."""

from __future__ import annotations

from evo.candidate import Kernel
from evo.task import Role, Task, Workload
from tests.operators.loop_kernels import LOOPS

_PRODUCT = """import torch


def make_inputs(workload, generator, device):
    size, dtype = workload.sizes, getattr(torch, workload.dtype)
    shapes = ((size["m"], size["k"]), (size["k"], size["n"]))
    return tuple(torch.randn(shape, generator=generator, device=device).to(dtype) for shape in shapes)


def reference(a, b):
    return torch.matmul(a, b)
"""
_RMS_NORM = """import torch


def make_inputs(workload, generator, device):
    shape, dtype = (workload.sizes["m"], workload.sizes["n"]), getattr(torch, workload.dtype)
    return (torch.randn(shape, generator=generator, device=device).to(dtype),)


def reference(x):
    return torch.nn.functional.rms_norm(x, x.shape[-1:], eps=1e-6)
"""
REFERENCES = {"product": _PRODUCT, "marching": _PRODUCT, "rms_norm": _RMS_NORM}


def loop_task(name: str) -> Task:
    """Return the task of a kernel: small and ragged to check, half a thousand wide to time."""
    dtype = "float32" if name == "rms_norm" else "float16"
    checked = {"m": 17, "n": 33, "k": 100}
    timed = {"m": 512, "n": 512, "k": 512}
    workloads = tuple(
        Workload(
            name=role.value, role=role, dtype=dtype, sizes=sizes, bytes=sizes["m"] * sizes["n"] * 4,
            flops=sizes["m"] * sizes["n"] * sizes["k"],
        )
        for role, sizes in ((Role.CHECK, checked), (Role.TIME, timed))
    )  # fmt: skip
    return Task(
        name=name, instruction=f"Write {name}.", entry_point=name, level=2, workloads=workloads,
        reference=REFERENCES[name], seed=Kernel(LOOPS[name]),
    )  # fmt: skip
