"""`kill -9` at any point: the next session ends as if nothing had happened."""

from __future__ import annotations

import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

from evo.journal import JournalReader
from evo.records import Asked, Evaluated
from tests.evo.crash_child import fused_session
from tests.evo.driving import digest

ROOT = Path(__file__).parents[2]
UNSURE = 5
KILLS = 24


def points_to_kill_at(passed: Counter[str]) -> list[str]:
    """Return one point of each name, and others at random, all drawn from a fixed seed.

    How often a session comes by some of them depends on the order in which evaluations end; so the last ones
    of each name are left out.
    """
    rng = random.Random(2)
    reached = {name: max(1, times - UNSURE) for name, times in sorted(passed.items())}
    points = {f"{name}#{rng.randint(1, times)}" for name, times in reached.items()}
    while len(points) < KILLS:
        (name,) = rng.choices(list(reached), list(reached.values()))
        points.add(f"{name}#{rng.randint(1, reached[name])}")
    return sorted(points)


def check_whole(path: Path, asked: int) -> None:
    """Check that nothing was told twice, out of place or lost."""
    with JournalReader(path) as reader:
        entries = [entry.record for entry in reader.entries()]
    told = [(record.number, record.attempt) for record in entries if isinstance(record, Evaluated)]
    assert max(Counter(told).values()) == 1
    numbers = [record.proposal.number for record in entries if isinstance(record, Asked)]
    assert numbers == list(range(asked))
    final = [record.number for record in entries if isinstance(record, Evaluated) and record.final]
    assert sorted(final) == numbers


def test_killed_anywhere_it_resumes_to_the_same_end(tmp_path):
    undisturbed, reason, fuse = fused_session(tmp_path / "undisturbed.sqlite")
    points = points_to_kill_at(fuse.passed)
    assert {"after Evaluated", "track Told", "credit", "before Asked", "after Ended"} <= fuse.passed.keys()
    command = [sys.executable, "-m", "tests.evo.crash_child", str(tmp_path), *points]
    child = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    lines = child.stdout.split("\n")
    assert lines[:-2] == [f"{point} True" for point in points], child.stderr
    assert int(lines[-2].removeprefix("chained ")) > 2
    for path in [tmp_path / f"{point}.sqlite" for point in points] + [tmp_path / "chained.sqlite"]:
        resumed, again, _ = fused_session(path)
        assert again == reason == "23 evaluations made"
        assert digest(resumed) == digest(undisturbed)
        check_whole(path, asked=23)
