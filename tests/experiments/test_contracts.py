"""The contracts, applied to the trackers that searches are watched by."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from evo.protocols import Tracker
from experiments.progress import Progress
from tests.contracts.trackers import TrackerContract
from tests.experiments.tracked import PATIENCE, Tracked, tracked_run
from tests.standins import SOURCE


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    return PATIENCE.store(tmp_path_factory.mktemp("runs"), {})


class TestMlflowTracker(TrackerContract):
    @pytest.fixture
    def tracker(self, uri: str, tmp_path: Path) -> Iterator[Tracker]:
        tracked = Tracked(uri, tracked_run(tmp_path.name))
        yield tracked.tracker
        tracked.tracker.close()
        assert not tracked.warnings


class TestProgress(TrackerContract):
    @pytest.fixture(params=[False, True], ids=["pipe", "terminal"])
    def tracker(self, request: pytest.FixtureRequest) -> Tracker:
        console = Console(file=io.StringIO(), force_terminal=request.param, force_interactive=request.param)
        return Progress(console, SOURCE, 23)
