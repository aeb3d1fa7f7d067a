"""Real searches for the end-to-end tests: their settings, what their journals say, and what they leave."""

from __future__ import annotations

import json
import os
import select
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from evo.journal import JournalReader
from evo.records import Asked, Evaluated
from experiments.run_folder import JOURNAL
from operators.settings import OperatorWeights
from tests.experiments.commanding import kernevo

SEARCH = """
task = "flip"
[search]
seed = 5
population = 3
offspring = 5
budget.evaluations = {evaluations}
[operators.weights]
{weights}
[tracking]
enabled = {tracked}
"""
ASKED = ("launch_options", "one_pass", "tiles")
"""The operators that are asked: those whose kernels are the quickest to evaluate."""
WEIGHTS = "\n".join(f"{name} = {int(name in ASKED)}" for name in OperatorWeights().by_name)
GONE_SECONDS = 60.0


def config(folder: Path, evaluations: int = 16, *, tracked: bool = False) -> Path:
    """Write a config into the folder, and return its path."""
    path = folder / "config.toml"
    text = SEARCH.format(evaluations=evaluations, tracked=str(tracked).lower(), weights=WEIGHTS)
    path.write_text(text)
    return path


def reported(*arguments: str | Path, cwd: Path | None = None) -> dict[str, Any]:
    """Give a command with `--json` and return the object that it prints."""
    done = kernevo(*arguments, "--json", cwd=cwd)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    read = json.loads(done.stdout)
    assert isinstance(read, dict)
    return read


def journalled(folder: Path) -> int:
    """Return how many records a run has by now, also while it is searching; 0 before there is a journal."""
    try:
        with closing(sqlite3.connect(f"{(folder / JOURNAL).as_uri()}?mode=ro", uri=True)) as db:
            return int(db.execute("SELECT count(*) FROM events").fetchone()[0])
    except sqlite3.OperationalError:
        return 0


def check_whole(folder: Path, evaluations: int) -> None:
    """Check that no candidate was told twice, out of place or lost."""
    with JournalReader(folder / JOURNAL) as reader:
        records = [entry.record for entry in reader.entries()]
    told = [(record.number, record.attempt) for record in records if isinstance(record, Evaluated)]
    assert max(Counter(told).values()) == 1
    asked = [record.proposal.number for record in records if isinstance(record, Asked)]
    assert asked == list(range(evaluations))
    final = [record.number for record in records if isinstance(record, Evaluated) and record.final]
    assert sorted(final) == asked


class Left:
    """The processes that a command has started, found before it is killed and seen to end after it was."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._open = [descriptor for each in descendants(pid) for descriptor in _opened(each)]

    def wait_until_gone(self) -> None:
        """Wait until all have ended; then none is left that bears the command's process id."""
        for descriptor in self._open:
            ended, _, _ = select.select([descriptor], [], [], GONE_SECONDS)
            os.close(descriptor)
            assert ended, f"a process of {self._pid} is left"
        for each in _rooms_of(self._pid):
            for descriptor in _opened(each):
                ended, _, _ = select.select([descriptor], [], [], GONE_SECONDS)
                os.close(descriptor)
                assert ended, f"process {each} of {self._pid} is left"


def descendants(pid: int) -> Iterator[int]:
    """Yield the processes that a process has started, and those that they have."""
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        children = [int(each) for task in tasks for each in (task / "children").read_text().split()]
    except OSError:
        return
    for child in children:
        yield child
        yield from descendants(child)


def _rooms_of(pid: int) -> list[int]:
    """Return the processes of rooms that were started by a process; their command lines name it."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                arguments = (folder / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if str(pid).encode() in arguments and any(b"fitness.sandbox" in each for each in arguments):
                found.append(int(folder.name))
    return found


def _opened(pid: int) -> list[int]:
    try:
        return [os.pidfd_open(pid)]
    except ProcessLookupError:
        return []
