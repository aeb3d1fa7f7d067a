"""A cold measured evaluation: what one candidate costs where nothing is kept warm between candidates.

`python -m experiments.bench.cold_judged TASK DEVICE` reads a kernel from standard input and takes it through
the same stages as a search does, all in this one process; it prints the judge's verdict as JSON.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from typing import cast

import msgspec

from evo.candidate import Kernel
from evo.task import Task
from experiments.bench.cold import ColdRoom
from experiments.bench.court import SECRET
from experiments.suites.loader import load_task
from fitness.built import Built, checks_of
from fitness.cases import draw_cases, draw_seed
from fitness.devices import product_for
from fitness.judge.bench import Bench
from fitness.judge.gpu import Gpu
from fitness.judge.messages import Ask, Checks, Judged, Refused, TimingRules, Unable
from fitness.judge.pool import Judges
from fitness.measured import MeasuredEvaluator
from fitness.rooms import Rooms
from fitness.sandbox import Sandbox
from fitness.settings import JudgeSettings, StageLimits
from fitness.stages import Stages
from fitness.verdicts import Fault


async def build(rooms: Rooms, gpu: Gpu, task: Task, *kernels: Kernel) -> list[Built | Fault]:
    """Return kernels as far as they can be built."""
    device = product_for(gpu.fingerprint.arch, gpu.fingerprint.name)
    builder = MeasuredEvaluator(
        rooms, cast(Judges, None), device, StageLimits(), SECRET, JudgeSettings()
    )  # it is not asked to judge
    stages = Stages(rooms, device.arch, StageLimits())
    return [await builder.build(kernel, task, stages) for kernel in kernels]


def judge(source: str, task: Task, device: str) -> Fault | Judged | Refused | Unable:
    """Return the verdict on a kernel."""
    from fitness import capture, compiler, oracle

    rooms = Rooms(
        *(
            cast(Sandbox, ColdRoom(handle))
            for handle in (capture.handle, compiler.handle, bytes, oracle.handle)
        )
    )
    gpu = Gpu(device)
    candidate, seed = asyncio.run(build(rooms, gpu, task, Kernel(source), task.seed))
    if isinstance(candidate, Fault):
        return candidate
    assert isinstance(seed, Built), seed
    checks = checks_of(candidate, draw_cases(task, SECRET, candidate.plan_digest))
    asked = Ask(
        number=1, task=task, mutated=candidate.described[0].mutated, candidate=candidate.subject,
        baseline=seed.subject, checks=tuple(Checks(choice, cases) for choice, cases in checks),
        seed=draw_seed(task, SECRET, candidate.plan_digest, "timing"), rules=TimingRules(),
    )  # fmt: skip
    return Bench(gpu, lambda _: None).answer(asked)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)
        told = judge(sys.stdin.read(), load_task(sys.argv[1]), sys.argv[2])
        print(msgspec.json.encode(told).decode())
