"""Latency of a core task's seed kernel, called directly through Triton.

`python -m experiments.bench.direct TASK DEVICE` prints JSON: medians in milliseconds, one a timed workload.
The seed kernel is part of kernevo, so it may run in a process that has the GPU. Calls are cold and on inputs
of their own, as the judge's are; the device idles until Triton has launched.
"""

from __future__ import annotations

import importlib
import json
import statistics
import sys

from evo.task import Role
from experiments.suites.loader import load_task
from fitness.judge.gpu import Gpu
from fitness.messages import NORMAL, Case
from fitness.reference import inputs_of

CALLS = 50
WARM_UPS = 3
IDLE_US = 1000.0
"""Longer than Triton takes to launch a few kernels."""


def main(name: str, device: str) -> None:
    """Print the latencies."""
    task, gpu = load_task(name), Gpu(device)
    entry = getattr(importlib.import_module(f"experiments.suites.{name}.seed"), task.entry_point)
    told = {}
    for workload in task.having(Role.TIME):
        times = []
        for seed in range(WARM_UPS + CALLS):
            inputs = inputs_of(task, Case(workload, NORMAL, seed), device)
            clock = gpu.clock()
            gpu.flush()
            gpu.delay(IDLE_US)
            clock.start()
            entry(*inputs)
            clock.stop()
            times.append(clock.milliseconds())
        told[workload.name] = statistics.median(times[WARM_UPS:])
    print(json.dumps(told))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
