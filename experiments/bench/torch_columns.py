"""What torch takes for a core task: its own operators (eager) and `torch.compile`, as graphs.

`python -m experiments.bench.torch_columns TASK DEVICE` prints JSON: for each timed workload the median of
cold calls in milliseconds, and the device's ceilings, a copy and a matrix product, seen in the same process.
Graphs leave out what the host needs to dispatch, so that this is not what a kernel is compared with; what
cannot be captured is called, and says so. The device is held all the while: compiled code runs where others
would be timed.
"""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Callable
from typing import Any

import torch

from evo.task import Role, Task
from experiments.suites.loader import load_task
from fitness.judge.gpu import Gpu
from fitness.judge.turns import exclusive
from fitness.messages import NORMAL, Case
from fitness.reference import inputs_of, module_of

CALLS = 40
WARM_UPS = 3
IDLE_US = 200.0
COPIED_BYTES = 2 << 30
PRODUCT = 8192


def timed_ms(gpu: Gpu, work: Callable[[], Any]) -> tuple[float, str]:
    """Return the median time of what `work` launches, cold, in milliseconds; and how it was run.

    It is replayed as a graph; where it cannot be, since it waits for the device, it is called.
    """
    for _ in range(WARM_UPS):
        work()
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    try:
        with torch.cuda.graph(graph):
            work()
    except RuntimeError:
        torch.cuda.synchronize()
        return _cold_ms(gpu, work), "call"
    return _cold_ms(gpu, graph.replay), "graph"


def _cold_ms(gpu: Gpu, work: Callable[[], Any]) -> float:
    times = []
    for _ in range(WARM_UPS + CALLS):
        clock = gpu.clock()
        gpu.flush()
        gpu.delay(IDLE_US)
        clock.start()
        work()
        clock.stop()
        times.append(clock.milliseconds())
    return statistics.median(times[WARM_UPS:])


def ceilings(gpu: Gpu) -> dict[str, float]:
    """Return bytes a second of a copy, read and written together, and operations a second of a product.

    The copy is a kernel's: within a graph, `copy_` is given to a copy engine, which reached two thirds of a
    kernel's rate on an H200.
    """
    source = torch.zeros(COPIED_BYTES // 4, device=gpu.device)
    target = torch.empty_like(source)
    copy_ms, _ = timed_ms(gpu, lambda: torch.neg(source, out=target))
    left, right = (torch.randn(PRODUCT, PRODUCT, device=gpu.device, dtype=torch.float16) for _ in range(2))
    product_ms, _ = timed_ms(gpu, lambda: left @ right)
    return {
        "copy_bytes_per_s": 2e3 * COPIED_BYTES / copy_ms,
        "product_flops_per_s": 2e3 * PRODUCT**3 / product_ms,
    }


def main(name: str, device: str) -> None:
    """Print the figures."""
    task, gpu = load_task(name), Gpu(device)
    with exclusive(gpu.fingerprint.uuid or "gpu"):
        told = {"workloads": workload_columns(task, gpu), **ceilings(gpu)}
    print(json.dumps(told))


def workload_columns(task: Task, gpu: Gpu) -> dict[str, Any]:
    """Return what torch takes on each timed workload."""
    module = sys.modules["reference"] = module_of(task.reference)  # torch.compile looks for it there
    baseline = getattr(module, "baseline", None) or module.reference
    workloads = {}
    for workload in task.having(Role.TIME):
        inputs = inputs_of(task, Case(workload, NORMAL, 1), str(gpu.device))
        torch.compiler.reset()
        compiled: Callable[..., Any] = torch.compile(baseline, dynamic=False)
        eager_ms, eager_as = timed_ms(gpu, lambda: baseline(*inputs))  # noqa: B023
        compiled_ms, compiled_as = timed_ms(gpu, lambda: compiled(*inputs))  # noqa: B023
        workloads[workload.name] = {
            "eager_ms": eager_ms, "eager_as": eager_as,
            "compiled_ms": compiled_ms, "compiled_as": compiled_as,
        }  # fmt: skip
    return workloads


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
