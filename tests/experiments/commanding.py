"""Ways to give commands in tests, and runs that were searched without rooms."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from evo.candidate import Kernel
from evo.evaluation import Evaluation, Measurement, Source, Stage, Status
from evo.loop import Search
from evo.task import Role, Task
from experiments.build import build_engine
from experiments.cli import run
from experiments.run_folder import new_run_folder, write_best
from experiments.session import begin
from experiments.settings import parse_settings
from experiments.suites.loader import load_task

KERNEVO = Path(sys.executable).with_name("kernevo")
DEVICE = "model:gfx942"
SMALL = """
task = "flip"
[search]
seed = 11
population = 3
offspring = 4
budget.evaluations = 9
[tracking]
enabled = false
"""


def kernevo(
    *arguments: str | Path, cwd: Path | None = None, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Give a command in a process of its own and wait for its end."""
    return subprocess.run(
        [KERNEVO, *map(str, arguments)], cwd=cwd, env={**os.environ, **(environment or {})},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def started(
    *arguments: str | Path, cwd: Path | None = None, heeds_interrupts: bool = True
) -> subprocess.Popen[str]:
    """Give a command in a process group of its own, and let it run; its output is piped.

    Whether it heeds interrupts is said by who starts it, and would else be what the tests were started with.
    """
    interrupts = f"--{'default' if heeds_interrupts else 'ignore'}-signal=INT"
    return subprocess.Popen(
        ["env", interrupts, KERNEVO, *map(str, arguments)], cwd=cwd, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip


def kill(process: subprocess.Popen[str]) -> None:
    """Kill a started command with SIGKILL, if it runs still, and wait for its end."""
    process.kill()
    process.communicate()


def interrupt(process: subprocess.Popen[str]) -> tuple[str, str]:
    """Press Ctrl-C on a started command, and return its output and messages once it has ended."""
    os.killpg(process.pid, signal.SIGINT)
    return process.communicate()


def one_line(said: str) -> str:
    """Return the one line that a refusal is, without its prefix."""
    assert said.startswith("kernevo: "), said
    assert said.endswith("\n"), said
    assert len(said.splitlines()) == 1, said
    return said.removeprefix("kernevo: ").rstrip("\n")


def refused(arguments: Sequence[str | Path], capsys: pytest.CaptureFixture[str], code: int = 2) -> str:
    """Give a command that must be refused, within this process; return the line that says why."""
    capsys.readouterr()
    assert run([str(each) for each in arguments]) == code
    output = capsys.readouterr()
    assert output.out == ""
    return one_line(output.err)


class HashEvaluator:
    """Stands in for the rooms: every kernel passes, with latencies that its digest gives."""

    source = Source.MODELLED
    device = DEVICE

    async def evaluate(self, kernel: Kernel, task: Task) -> Evaluation:
        digest = hashlib.sha256(kernel.source.encode()).digest()
        return Evaluation(
            status=Status.PASSED, stage=Stage.TIME, source=self.source, device=self.device,
            measurements=tuple(
                self._measured(each.name, 1.0 + digest[place] / 256)
                for place, each in enumerate(task.having(Role.TIME))
            ),
        )  # fmt: skip

    def _measured(self, workload: str, latency: float) -> Measurement:
        return Measurement(
            workload=workload, latency_ms=latency, low_ms=latency, high_ms=latency, samples=1,
            source=self.source, device=self.device,
        )  # fmt: skip


def quick_run(folder: Path, settings: str = SMALL) -> Path:
    """Search as `kernevo run` does, but for the rooms, and return the run folder."""
    resolved = parse_settings(settings, "a test's settings")
    engine = build_engine(resolved, load_task(resolved.task))
    session = begin(new_run_folder(folder), resolved, engine)
    with session.journal as journal:
        reason = asyncio.run(Search(engine, HashEvaluator(), journal).run(resolved.to_toml()))
    assert reason is not None
    assert engine.elite is not None
    write_best(folder, engine.elite)
    return folder
