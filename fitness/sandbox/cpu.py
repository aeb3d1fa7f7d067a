"""CPU time of other processes."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_PROCESS_CLOCK = 2


def cpu_of_process(pid: int) -> float:
    """Seconds that all threads of a process have used, 0 if it is gone: clock_getcpuclockid(3), whose
    number for a pid is `~pid << 3 | CPUCLOCK_SCHED`.
    """
    try:
        return time.clock_gettime(~pid << 3 | _PROCESS_CLOCK)
    except OSError:
        return 0.0


def cpu_of_tree(pid: int) -> float:
    """Seconds that a process, its descendants and those that they have waited for have used:
    proc_pid_stat(5).
    """
    total = 0.0
    waiting = [pid]
    while waiting:
        folder = Path("/proc") / str(waiting.pop())
        with contextlib.suppress(OSError):
            words = (folder / "stat").read_text().rpartition(")")[2].split()
            total += sum(int(word) for word in words[11:15]) / _TICKS
            for task in (folder / "task").iterdir():
                waiting += [int(word) for word in (task / "children").read_text().split()]
    return total
