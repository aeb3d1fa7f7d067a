"""Which tasks a test that costs seconds a task looks at, when it is not asked to look at all of them."""

from __future__ import annotations

import hashlib

from experiments.suites.loader import load_task, task_names


def rotated(count: int, purpose: str) -> list[str]:
    """Return some of the tasks: others whenever any task changes, the same as long as none does."""
    digests = [load_task(name).digest for name in task_names()]
    drawn = {
        name: hashlib.sha256("/".join((purpose, name, *digests)).encode()).digest() for name in task_names()
    }
    return sorted(sorted(drawn, key=lambda name: drawn[name])[:count])
