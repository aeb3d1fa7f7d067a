"""What tracking costs a search, and what an outage of the server costs its record: nothing, after `sync`.

`python -m experiments.bench.tracked [CANDIDATES]`, against the team's server of `mlflow/start` on PostgreSQL.

1. Outage: two tracked searches at once; a third of the way in, the server is stopped for a minute and started
   again. Then both are synced, and MLflow is compared with their journals, point by point and file by file.
2. Rate: a tracked search and one that is not, side by side and otherwise equal, so that whatever else the
   machine does, the server's own work included, slows both alike.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evo.journal import JournalReader
from evo.tables import is_blank
from experiments.bench.results import write_results
from experiments.bench.serving import TeamServer
from experiments.bench.shown import differences
from experiments.bench.tracked_search import IN_FLIGHT, MARKS, SECONDS
from experiments.run_folder import JOURNAL
from experiments.syncing import sync_run
from experiments.watching import TRACKED

CANDIDATES = 4_000
OUTAGE_SECONDS = 60.0


BEHIND = "MLflow is behind"
"""How the tracker's warning begins."""


class Searching:
    """A search under way in a process of its own."""

    def __init__(self, folder: Path, candidates: int, uri: str | None) -> None:
        """Start it."""
        self.folder = folder
        command = [sys.executable, "-m", "experiments.bench.tracked_search", str(folder), str(candidates)]
        command += [] if uri is None else [uri]
        self._process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)

    def shows(self, candidates: int) -> bool:
        """Return whether it has come so far, and has a run in MLflow.

        Raises:
            RuntimeError: it has ended before that.
        """
        if self._process.poll() is not None:
            raise RuntimeError(f"the search in {self.folder} must be longer, it ended before the outage")
        if is_blank(self.folder / JOURNAL):
            return False
        with JournalReader(self.folder / JOURNAL) as journal:
            return journal.asked() >= candidates and journal.meta(TRACKED, str) is not None

    def ended(self) -> dict[str, Any]:
        """Wait for its end, and return its rate, the seconds that closing took and what it said."""
        _, said = self._process.communicate()
        if self._process.returncode:
            raise RuntimeError(f"the search in {self.folder} must end well, got {said!r}")
        told = json.loads((self.folder / MARKS).read_text())
        return {
            "rate": rate(told["marks"]),
            "closing_s": round(told["closing_s"], 2),
            "warnings": said.count(BEHIND),
        }


def rate(marks: Sequence[tuple[float, int]]) -> float:
    """Return the candidates a second between the ends of the first and the last generation."""
    (begun, first), (ended, last) = marks[0], marks[-1]
    return (last - first) / (ended - begun)


def outage(server: TeamServer, runs: Path, candidates: int) -> dict[str, Any]:
    """Search twice at once through an outage, sync both, and return what was seen."""
    searches = [Searching(runs / f"outage-{number}", candidates, server.uri) for number in (1, 2)]
    while not all(search.shows(candidates // 3) for search in searches):
        time.sleep(1)
    server.stop()
    down = time.monotonic()
    time.sleep(OUTAGE_SECONDS)
    server.start()
    figures: dict[str, Any] = {"server_down_s": round(time.monotonic() - down, 1)}
    for search in searches:
        figures[search.folder.name] = search.ended()
    for search in searches:
        figures[search.folder.name] |= synced(search.folder) | differences(search.folder, server.uri)
    return figures


def synced(run: Path) -> dict[str, Any]:
    """Sync a run twice, and return what either added to MLflow and how long the first took."""
    begun = time.monotonic()
    _, first = sync_run(run, None)
    seconds = time.monotonic() - begun
    _, second = sync_run(run, None)
    return {
        "sync_s": round(seconds, 1),
        "sync_added": {"points": first.points, "files": first.artifacts, "runs": first.runs},
        "second_sync_added": second.points + second.artifacts + second.runs,
    }


def side_by_side(server: TeamServer, runs: Path, candidates: int) -> dict[str, Any]:
    """Search with and without tracking at once, and return both rates and the one over the other."""
    uris = {"tracked": server.uri, "untracked": None}
    searches = {name: Searching(runs / name, candidates, uri) for name, uri in uris.items()}
    figures: dict[str, Any] = {name: search.ended() for name, search in searches.items()}
    figures["tracked"] |= differences(runs / "tracked", server.uri)
    figures["tracked_over_untracked"] = figures["tracked"]["rate"] / figures["untracked"]["rate"]
    return figures


def main(candidates: int) -> None:
    """Measure and write the result."""
    os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"
    load_before = os.getloadavg()[0]
    server = TeamServer()
    try:
        server.start()
        with tempfile.TemporaryDirectory() as folder:
            figures: dict[str, Any] = {
                "outage": outage(server, Path(folder), candidates),
                "side by side": side_by_side(server, Path(folder), candidates),
            }
    finally:
        server.remove()
    figures |= {
        "candidates": candidates,
        "most_a_second": IN_FLIGHT / SECONDS,
        "load_before": round(load_before, 1),
        "load_after": round(os.getloadavg()[0], 1),
    }
    print(json.dumps(figures, indent=2))
    print(write_results("tracked", figures))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else CANDIDATES)
