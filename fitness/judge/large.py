"""Which inputs a kernel is checked on at the sizes that are timed.

Timed calls have normal inputs. A kernel that takes another way on large shapes could leave out there what
only other inputs need, such as the largest element before an exponential. So families are met there too: some
by every kernel, all by one that would be the best.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from evo.task import Role
from fitness.judge.messages import Ask
from fitness.messages import Case


def large_cases(request: Ask) -> Iterator[tuple[int, Case]]:
    """Yield autotune choices and cases: under each, families of the task dealt over its timed workloads.

    How many there are say the rules; which ones, on which workload and with which values follows from the
    request's seed.
    """
    drawn = random.Random(f"{request.seed}/families")
    workloads = request.task.having(Role.TIME)
    choices = {
        each.workload: [plan.choice for plan in each.alternatives] for each in request.candidate.captured
    }
    for choice in sorted({number for each in workloads for number in choices[each.name]}):
        families = drawn.sample(request.task.families, len(request.task.families))[: request.rules.families]
        for place, workload in enumerate(workloads):
            if choice in choices[workload.name]:
                for family in families[place :: len(workloads)]:
                    yield choice, Case(workload, family, drawn.getrandbits(63))
