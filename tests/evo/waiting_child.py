"""Sessions that are killed while replies come and do not: run as `python -m tests.evo.waiting_child FILE`.

One forked child after the other searches in the file. Each gets about half of the replies that it asks for,
and sends itself SIGKILL after so many points of the journal and of asking, ever later. Prints how many were
killed, how many ended waiting, and the last one's exit code.
"""

from __future__ import annotations

import os
import random
import signal
import sys
from pathlib import Path

from evo.events import Paused
from tests.evo.asking import Desk, Question, asking_engine
from tests.evo.crash_child import Fuse, FusedJournal
from tests.evo.driving import ShuffledEvaluator, run_session
from tests.standins import SyntheticEvaluator

KILLED, WAITED, STOPPED = -signal.SIGKILL, 3, 0


def searched(path: Path, turn: int) -> int:
    """Search in a forked child, and return how it ended."""
    child = os.fork()
    if child == 0:
        try:
            os._exit(_session(path, turn))
        finally:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _session(path: Path, turn: int) -> int:
    rng, fuse = random.Random(turn), Fuse(20 + turn)

    def willing(_: Question) -> bool:
        fuse.burn("ask")
        return rng.random() < 0.5

    journal = FusedJournal(path) if path.exists() else FusedJournal.create(path)
    journal.fuse = fuse
    with journal:
        engine = asking_engine(Desk(willing))
        ending = run_session(engine, ShuffledEvaluator(SyntheticEvaluator(), rng), journal)
    return WAITED if isinstance(ending, Paused) else STOPPED


def main(path: Path) -> None:
    endings = [searched(path, 0)]
    while endings[-1] in (KILLED, WAITED):
        endings.append(searched(path, len(endings)))
    print(endings.count(KILLED), endings.count(WAITED), endings[-1])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
