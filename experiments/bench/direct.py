"""Latency of a core task's seed kernel, called directly.

`python -m experiments.bench.direct TASK` prints JSON. The seed kernel is part of kernevo, so it may run in a
process that has the GPU. Latencies are medians by Triton's own `do_bench`, in milliseconds, one a timed
workload.
"""

from __future__ import annotations

import functools
import importlib
import json
import sys

from triton.testing import do_bench

from evo.task import Role
from experiments.suites.loader import load_task
from fitness.messages import NORMAL, Case
from fitness.reference import inputs_of


def main(name: str) -> None:
    """Print the latencies."""
    task = load_task(name)
    entry = getattr(importlib.import_module(f"experiments.suites.{name}.seed"), task.entry_point)
    told = {}
    for workload in task.having(Role.TIME):
        inputs = inputs_of(task, Case(workload, NORMAL, 1), "cuda:0")
        told[workload.name] = float(
            do_bench(functools.partial(entry, *inputs), rep=200, return_mode="median")
        )
    print(json.dumps(told))


if __name__ == "__main__":
    main(sys.argv[1])
