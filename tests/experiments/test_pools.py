"""Pools whose processes end with the one that opened them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from experiments.pools import spawned
from tests.commanded import Left

OPENING = """
import os, signal
from experiments.pools import spawned
if __name__ == "__main__":
    with spawned(2) as pool:
        busy = [pool.submit(signal.pause) for _ in range(2)]
        while not all(each.running() for each in busy):
            os.sched_yield()
        print("busy", flush=True)
        pool.submit(int).result()
"""


def test_processes_end_with_the_one_that_was_killed(tmp_path: Path) -> None:
    script = tmp_path / "opening.py"
    script.write_text(OPENING)
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True) as opened:
        assert opened.stdout is not None
        assert opened.stdout.readline() == "busy\n"
        left = Left(opened.pid)
        opened.kill()
    left.wait_until_gone()


def test_work_is_done_in_other_processes() -> None:
    with spawned(2) as pool:
        assert os.getpid() not in {pool.submit(os.getpid).result() for _ in range(4)}
