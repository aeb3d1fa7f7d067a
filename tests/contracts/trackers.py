"""What every tracker keeps to. Subclass `TrackerContract` and give its fixture."""

from __future__ import annotations

import copy

import pytest

from evo.events import Event, Failed, Stopped
from evo.protocols import Tracker
from tests.evo.driving import drive
from tests.standins import synthetic_engine


class TrackerContract:
    """Fixture to give: `tracker`, open. Check what it wrote in tests of your own."""

    @pytest.fixture
    def events(self) -> list[Event]:
        """Every event of a small search, in which there are candidates of many statuses."""
        return drive(synthetic_engine())

    def test_it_takes_a_whole_search(self, tracker: Tracker, events: list[Event]) -> None:
        seen = copy.copy(events)
        assert [tracker.record(event) for event in events] == [None] * len(events)
        assert events == seen
        tracker.close()

    def test_it_takes_events_that_it_has_had_before(self, tracker: Tracker, events: list[Event]) -> None:
        for event in [*events, *events]:
            tracker.record(event)
        tracker.close()

    def test_it_takes_the_rest_of_a_search_whose_beginning_it_missed(
        self, tracker: Tracker, events: list[Event]
    ) -> None:
        for event in events[len(events) // 2 :]:
            tracker.record(event)
        tracker.close()

    def test_it_takes_a_search_that_cannot_go_on(self, tracker: Tracker, events: list[Event]) -> None:
        for event in [*events[: len(events) // 2], Failed(reason="the disk is full")]:
            tracker.record(event)
        tracker.close()

    def test_it_can_be_closed_early_and_twice(self, tracker: Tracker) -> None:
        tracker.record(Stopped(reason="at once"))
        tracker.close()
        tracker.close()
