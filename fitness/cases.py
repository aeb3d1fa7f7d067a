"""Which inputs a candidate is checked on: unpredictable to a kernel, repeatable for us."""

from __future__ import annotations

import hashlib
import hmac
import random

from evo.task import Role, Task
from fitness.messages import NORMAL, Case


def draw_cases(task: Task, secret: bytes, plan_digest: str) -> tuple[Case, ...]:
    """Return the correctness checks of a plan: each check workload with normal inputs and one more family.

    Seeds are an HMAC of the plan under the run's secret: a kernel cannot foresee them, and the same plan gets
    the same ones whenever it comes.
    """

    def draw(label: str) -> int:
        return draw_seed(task, secret, plan_digest, label)

    cases = []
    for workload in task.having(Role.CHECK):
        families = [NORMAL]
        if task.families:
            families.append(random.Random(draw(f"{workload.name}/family")).choice(task.families))
        cases += [Case(workload, family, draw(f"{workload.name}/{family}")) for family in families]
    return tuple(cases)


def draw_seed(task: Task, secret: bytes, plan_digest: str, label: str) -> int:
    """Return 63 bits that only the secret's holder can foresee."""
    told = hmac.new(secret, f"{task.digest}/{plan_digest}/{label}".encode(), hashlib.sha256).digest()
    return int.from_bytes(told[:8], "big") >> 1
