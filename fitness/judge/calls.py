"""Timed calls: on new inputs and poisoned memory, all enqueued before the first of them is waited for.

What is timed is enqueued while the device idles. Where this process took longer than that, the device may
have had to wait for it: those calls say nothing of the kernel and are taken again, on other inputs, and from
then on the device idles longer.
"""

from __future__ import annotations

import random
import time
from collections.abc import Sequence

import msgspec

from evo.task import Task, Workload
from fitness.judge.gpu import Clock, Machine
from fitness.judge.memory import POISONS
from fitness.judge.replay import Replay
from fitness.messages import NORMAL, Case
from fitness.reference import inputs_of

DELAY_US = 40.0
DELAY_US_PER_STEP = 16.0
"""Idle time before what is timed: longer than this process takes to enqueue it, if nothing holds it up."""
TAKES = 3
"""How often calls are taken at most."""
MOST_PATIENCE = 16
"""How many times that idle time may become longer, where processors are slow; it doubles."""


class Side:
    """Candidate or seed on one workload: its plan, ready to run in each of the slots."""

    def __init__(self, replays: Sequence[Replay], steps: int) -> None:
        self.replays = replays
        self.steps = steps

    def take(self, first: int, count: int) -> list[Replay]:
        """Return the replays in so many slots from a first one on, over and over."""
        return [self.replays[(first + number) % len(self.replays)] for number in range(count)]


class Series(msgspec.Struct, frozen=True):
    """Calls of one side to be timed together.

    Attributes:
        side: whose.
        slot: where the first runs; the others in the slots that follow.
        cases: what the inputs of each are made from.
    """

    side: Side
    slot: int
    cases: tuple[Case, ...]


class Called(msgspec.Struct, frozen=True):
    """A series that was timed.

    Attributes:
        milliseconds: all of it.
        last: its last call.
        case: what the inputs of that were made from.
        late: whether the device may have waited for this process, however often it was taken.
    """

    milliseconds: float
    last: Replay
    case: Case
    late: bool


class Caller:
    """Times calls on one device."""

    def __init__(self, task: Task, machine: Machine, rng: random.Random) -> None:
        """Draw inputs of a task from `rng`."""
        self._task = task
        self._machine = machine
        self._random = rng
        self._patience = 1

    def fresh(self, workload: Workload, count: int = 1) -> tuple[Case, ...]:
        """Return cases whose inputs no call has seen."""
        return tuple(Case(workload, NORMAL, self._random.getrandbits(63)) for _ in range(count))

    def timed(self, series: Sequence[Series], is_cold: bool) -> list[Called]:
        """Time series one after the other, each on a flushed cache if it is to be cold."""
        for take in range(TAKES):
            marked = [self._enqueued(each, is_cold) for each in series]
            if not any(late for _, late in marked):
                break
            self._patience = min(2 * self._patience, MOST_PATIENCE)
            if take + 1 < TAKES:
                series = [self._renewed(each) for each in series]
        return [
            Called(clock.milliseconds(), each.side.take(each.slot, len(each.cases))[-1], each.cases[-1], late)
            for each, (clock, late) in zip(series, marked, strict=True)
        ]

    def _renewed(self, series: Series) -> Series:
        """Return a series on other inputs: those that it ran on were seen."""
        return msgspec.structs.replace(series, cases=self.fresh(series.cases[0].workload, len(series.cases)))

    def _enqueued(self, series: Series, is_cold: bool) -> tuple[Clock, bool]:
        """Enqueue a series; return what will tell its time, and whether it came too late."""
        replays = series.side.take(series.slot, len(series.cases))
        for replay, case in zip(replays, series.cases, strict=True):
            replay.prepare(inputs_of(self._task, case, str(self._machine.device)), POISONS[0])
        if is_cold:
            self._machine.flush()
        idle_us = self._patience * (DELAY_US + DELAY_US_PER_STEP * series.side.steps * len(replays))
        clock = self._machine.clock()
        began = time.perf_counter()
        self._machine.delay(idle_us)
        clock.start()
        for replay in replays:
            replay.run()
        clock.stop()
        return clock, 1e6 * (time.perf_counter() - began) > idle_us
