"""What happens in a search, as typed events; tracker, progress line and reports are built from them alone.

A new elite is a `Settled` that says so. A candidate that failed is `Told` and `Settled` with its status; what
keeps the search itself from going on is `Failed`.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from evo.evaluation import Status
from evo.objective import Individual


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """A candidate was evaluated and journalled; it may still wait for its generation's barrier."""

    number: int
    status: Status
    told: int


class Settled(msgspec.Struct, frozen=True, kw_only=True):
    """An individual took its final place in the search; in generational mode, in proposal order.

    Attributes:
        individual: with its evaluation as settled (a repeat has become DUPLICATE).
        elite: whether it is the best so far.
    """

    individual: Individual
    elite: bool


class GenerationEnded(msgspec.Struct, frozen=True, kw_only=True):
    """A generation's tells are all settled and its survivors chosen.

    Attributes:
        generation: 0 for the founders.
        told: candidates settled since the start, the seed included.
        population: the survivors of all islands, each once, best first.
        statuses: how the generation's own candidates ended.
        islands: the numbers of those on each island, best first.
    """

    generation: int
    told: int
    population: tuple[Individual, ...]
    statuses: Mapping[Status, int]
    islands: tuple[tuple[int, ...], ...] = ()


class Stopped(msgspec.Struct, frozen=True, kw_only=True):
    """The search ended, and why."""

    reason: str


class Failed(msgspec.Struct, frozen=True, kw_only=True):
    """The session cannot go on (a room failed, the disk is full), and why; the run can be resumed.

    It is of this session alone: no journal holds it, and no fold yields it.
    """

    reason: str


class Paused(msgspec.Struct, frozen=True, kw_only=True):
    """The session ended with nothing left to do but to wait for replies; the search has not stopped.

    It is of this session alone, as `Failed` is.

    Attributes:
        waiting: how many proposals wait, which are all that are owed.
    """

    waiting: int


Event = Told | Settled | GenerationEnded | Stopped | Failed | Paused
