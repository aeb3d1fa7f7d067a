"""A measured search of every core task: seed, best found, torch eager, `torch.compile`, share of the floor.

`python -m experiments.bench.measured_suite [--devices cuda:0] [--tasks NAMES] [--evaluations N]
[--at-once N] [--out DIR] [--read]`. Syntactic operators alone, under the defaults of `kernevo run`. Each
search is a run folder under DIR, with torch's figures beside it: what is there is only read, what was stopped
goes on. Each device has so many searches at once, which take turns on it: one builds kernels while another's
are judged. The floor is the bytes that must move over the rate of a copy (seen on the same device, or in the
device table if that is faster), or the operations over the rate of a matrix product, seen on the same device;
a latency is the geometric mean over a task's timed workloads.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import os
import queue
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec

from evo.journal import JournalReader
from evo.replay import recorded_engine, replay
from evo.task import Role, Workload
from experiments.bench.results import write_results
from experiments.bench.suite import figures_of, run_in
from experiments.run_folder import BEST, JOURNAL, SETTINGS
from experiments.settings import RunSettings, parse_settings, read_settings
from experiments.suites.loader import load_task, task_names
from fitness.devices import Device, product_for
from fitness.judge.probe import probed

EVALUATIONS = 60
IN_FLIGHT = 8
AT_ONCE = 2
OUT = Path("runs/measured")
TORCH = "torch.json"
SEARCH = """
task = "{task}"
[search]
seed = 0
evaluations_in_flight = {in_flight}
budget.evaluations = {evaluations}
[operators]
llm.models = []
[fitness]
target = "{target}"
device = "{device}"
[tracking]
enabled = false
"""


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """What torch takes on one workload, in milliseconds, and whether as a graph or as calls."""

    eager_ms: float
    eager_as: str
    compiled_ms: float
    compiled_as: str


class Torch(msgspec.Struct, frozen=True, kw_only=True):
    """What `torch_columns` tells of a task and of the device that it saw it on."""

    workloads: dict[str, Column]
    copy_bytes_per_s: float
    product_flops_per_s: float

    def floor_ms(self, workload: Workload, device: Device) -> float:
        """Return what a workload takes at least on a device, in milliseconds."""
        copied_per_s = max(self.copy_bytes_per_s, device.copy_bytes_per_s)
        return 1e3 * max(workload.bytes / copied_per_s, workload.flops / self.product_flops_per_s)


def settings_of(task: str, evaluations: int, device: str, target: str) -> RunSettings:
    """Return the settings of one task's search."""
    text = SEARCH.format(
        task=task, in_flight=IN_FLIGHT, evaluations=evaluations, device=device, target=target
    )
    return parse_settings(text, f"the measured suite's settings of {task}")


def torch_of(task: str, device: str, folder: Path) -> None:
    """Have torch's figures of a task beside its run folder, from a process of their own."""
    if (folder / TORCH).exists():
        return
    command = (sys.executable, "-m", "experiments.bench.torch_columns", task, device)
    paths = os.pathsep.join(str(Path(each).absolute()) for each in sys.path)
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": paths}
    )
    if done.returncode:
        print(f"{task}: torch's figures cannot be had: {done.stderr.strip().splitlines()[-1:]}", flush=True)
        return
    (folder / TORCH).write_text(done.stdout)


def row_of(task: str, folder: Path) -> dict[str, Any]:
    """Return all figures of a task."""
    with JournalReader(folder / JOURNAL) as journal:
        engine = recorded_engine(journal)
        for _ in replay(journal, engine):
            pass
    assert engine.elite is not None
    assert engine.baseline is not None
    best = {each.workload: each.latency_ms for each in engine.elite.evaluation.measurements}
    seed = {each.workload: each.latency_ms for each in engine.baseline.measurements}
    run = figures_of(folder)
    row = {
        "device": engine.elite.evaluation.device,
        "seed_ms": _mean(seed), "best_ms": _mean(best), "speedup": round(_mean(seed) / _mean(best), 3),
        **{name: run[name] for name in ("operators_of_winner", "statuses", "evaluations", "per_second")},
    }  # fmt: skip
    if not (folder / TORCH).exists():
        return row
    torch = msgspec.json.decode((folder / TORCH).read_bytes(), type=Torch)
    device = product_for(read_settings(folder / SETTINGS).fitness.target, engine.elite.evaluation.device)
    floor = {each.name: torch.floor_ms(each, device) for each in load_task(task).having(Role.TIME)}
    eager = _mean({name: each.eager_ms for name, each in torch.workloads.items()})
    compiled = _mean({name: each.compiled_ms for name, each in torch.workloads.items()})
    return {
        **row, "eager_ms": eager, "compiled_ms": compiled, "floor_ms": _mean(floor),
        "share_of_floor": round(_mean(floor) / _mean(best), 3),
        "over_eager": round(eager / _mean(best), 3), "over_compiled": round(compiled / _mean(best), 3),
        "not_as_graphs": sorted(
            name for name, each in torch.workloads.items() if "call" in (each.eager_as, each.compiled_as)
        ),
        "by_workload": {
            name: {"seed_ms": round(seed[name], 5), "best_ms": round(best[name], 5),
                   "floor_ms": round(floor[name], 5), "eager_ms": round(torch.workloads[name].eager_ms, 5),
                   "compiled_ms": round(torch.workloads[name].compiled_ms, 5)}
            for name in best
        },
    }  # fmt: skip


def _mean(by_workload: Mapping[str, float]) -> float:
    """Return a geometric mean, to a hundred nanoseconds."""
    return round(statistics.geometric_mean(by_workload.values()), 4)


def summary(rows: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return what all tasks together say, none left out."""
    told: dict[str, Any] = {"tasks": len(rows)}
    for name in ("speedup", "over_eager", "over_compiled", "share_of_floor"):
        values = [each[name] for each in rows.values() if name in each]
        if not values:
            continue
        told[name] = {
            "tasks": len(values),
            "geometric_mean": round(math.exp(statistics.fmean(map(math.log, values))), 3),
            "median": round(statistics.median(values), 3),
        }
    told["slower_than_compiled"] = sorted(n for n, e in rows.items() if e.get("over_compiled", 1) < 0.98)
    told["at_85_percent_of_the_floor"] = sorted(
        n for n, e in rows.items() if e.get("share_of_floor", 0) >= 0.85
    )
    return told


def show(rows: Mapping[str, Mapping[str, Any]]) -> None:
    """Print the table."""
    heads = ("seed_ms", "best_ms", "speedup", "eager_ms", "compiled_ms", "share_of_floor")
    print(f"{'task':22}" + "".join(f"{head:>15}" for head in heads))
    for name, each in rows.items():
        print(f"{name:22}" + "".join(f"{each.get(head, float('nan')):15.4g}" for head in heads))


def main(arguments: Sequence[str]) -> None:
    """Search what is not searched yet, print the table and write the result."""
    parser = argparse.ArgumentParser(prog="python -m experiments.bench.measured_suite")
    parser.add_argument("--devices", nargs="+", default=["cuda:0"], metavar="DEVICE")
    parser.add_argument("--tasks", nargs="+", default=task_names(), choices=task_names(), metavar="NAME")
    parser.add_argument("--evaluations", type=int, default=EVALUATIONS)
    parser.add_argument("--at-once", type=int, default=AT_ONCE, help="searches on each device")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--read", action="store_true", help="make the table of what is there, search nothing")
    given = parser.parse_args(arguments)
    if not given.read:
        search_all(given.tasks, given.devices * given.at_once, given.evaluations, given.out)
    folders = {task: given.out / task for task in given.tasks if (given.out / task / BEST).exists()}
    rows = {task: row_of(task, folder) for task, folder in folders.items()}
    show(rows)
    figures = {"evaluations": given.evaluations, **summary(rows)}
    print(figures)
    print(write_results("measured_suite", {**figures, "by_task": rows}))


def search_all(tasks: Sequence[str], devices: Sequence[str], evaluations: int, out: Path) -> None:
    """Search what is not searched yet, one task at a time on each device as often as it is named."""
    target = probed(devices[0]).arch
    free: queue.SimpleQueue[str] = queue.SimpleQueue()
    for device in devices:
        free.put(device)

    def search(task: str) -> str:
        device, folder = free.get(), out / task
        try:
            asyncio.run(run_in(folder, settings_of(task, evaluations, device, target)))
            torch_of(task, device, folder)
        finally:
            free.put(device)
        return task

    with ThreadPoolExecutor(len(devices)) as pool:
        for task in pool.map(search, tasks):
            print(f"{task} searched", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
