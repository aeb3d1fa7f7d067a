"""Which inputs a candidate is checked on: unpredictable to a kernel, repeatable for us."""

from __future__ import annotations

import hashlib
import hmac
import random

from evo.task import Role, Task
from fitness.messages import NORMAL, Case


def draw_cases(task: Task, secret: bytes, plan_digest: str) -> tuple[Case, ...]:
    """Return the correctness checks of a plan: each check workload with normal inputs and other families.

    The task's families are shuffled and dealt out, so that every plan meets each of them and no kernel can
    foresee where; a workload that is left without one gets any. Seeds are an HMAC of the plan under the run's
    secret: a kernel cannot foresee them, and the same plan gets the same ones whenever it comes.
    """

    def draw(label: str) -> int:
        return draw_seed(task, secret, plan_digest, label)

    workloads, rng = task.having(Role.CHECK), random.Random(draw("families"))
    shuffled = rng.sample(task.families, len(task.families))
    cases = []
    for place, workload in enumerate(workloads):
        dealt = shuffled[place :: len(workloads)] or (shuffled and [rng.choice(shuffled)])
        cases += [Case(workload, each, draw(f"{workload.name}/{each}")) for each in (NORMAL, *dealt)]
    return tuple(cases)


def draw_seed(task: Task, secret: bytes, plan_digest: str, label: str) -> int:
    """Return 63 bits that only the secret's holder can foresee."""
    told = hmac.new(secret, f"{task.digest}/{plan_digest}/{label}".encode(), hashlib.sha256).digest()
    return int.from_bytes(told[:8], "big") >> 1
