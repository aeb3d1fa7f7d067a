"""Single timed calls: on new inputs and poisoned memory, enqueued while the device idles.

Where this process was held up while it enqueued, the device may have had to wait for it: that call says
nothing of the kernel and is taken again, on inputs that are new once more.
"""

from __future__ import annotations

import random
import time
from collections.abc import Sequence

import msgspec

from evo.task import Task, Workload
from fitness.judge.gpu import Machine
from fitness.judge.memory import POISONS
from fitness.judge.replay import Replay
from fitness.messages import NORMAL, Case
from fitness.reference import inputs_of

DELAY_US = 20.0
DELAY_US_PER_STEP = 12.0
"""Idle time before what is timed: longer than this process takes to enqueue it, if nothing holds it up."""
TAKES = 3
"""How often a call is taken at most; the device idles twice as long each time."""


class Side:
    """Candidate or seed on one workload: its plan, ready to run in each of the slots."""

    def __init__(self, replays: Sequence[Replay], steps: int) -> None:
        self.replays = replays
        self.steps = steps

    def take(self, first: int, count: int) -> list[Replay]:
        """Return the replays in so many slots from a first one on, over and over."""
        return [self.replays[(first + number) % len(self.replays)] for number in range(count)]


class Called(msgspec.Struct, frozen=True):
    """One timed call or series.

    Attributes:
        milliseconds: a call.
        last: the last call.
        case: what its inputs were made from.
        late: whether the device may have waited for this process, however often it was taken.
    """

    milliseconds: float
    last: Replay
    case: Case
    late: bool


class Marked(msgspec.Struct, frozen=True):
    """What two marks of the device's clock say: milliseconds, and whether all was enqueued in time."""

    milliseconds: float
    in_time: bool


class Caller:
    """Times calls on one device."""

    def __init__(self, task: Task, machine: Machine, rng: random.Random) -> None:
        """Draw inputs of a task from `rng`."""
        self._task = task
        self._machine = machine
        self._random = rng

    def cold(self, side: Side, slot: int, workload: Workload) -> Called:
        """Time one call on a flushed cache."""
        (replay,) = side.take(slot, 1)
        for take in range(TAKES):
            case = self._prepared(replay, workload)
            self._machine.flush()
            marked = self._marked([replay], side.steps, take)
            if marked.in_time:
                break
        return Called(marked.milliseconds, replay, case, not marked.in_time)

    def warm(self, side: Side, slot: int, workload: Workload, calls: int) -> Called:
        """Time so many calls against twice as many; each has memory and inputs of its own."""
        for take in range(TAKES):
            totals = []
            for count in (calls, 2 * calls):
                replays = side.take(slot, count)
                cases = [self._prepared(each, workload) for each in replays]
                totals.append(self._marked(replays, side.steps, take))
            late = not all(each.in_time for each in totals)
            if not late:
                break
        short, long = (each.milliseconds for each in totals)
        milliseconds = (long - short) / calls if long > short else long / (2 * calls)
        return Called(milliseconds, replays[-1], cases[-1], late)

    def _prepared(self, replay: Replay, workload: Workload) -> Case:
        """Write inputs that no call has seen, and poison; return what they were made from."""
        case = Case(workload, NORMAL, self._random.getrandbits(63))
        replay.prepare(inputs_of(self._task, case, str(self._machine.device)), POISONS[0])
        return case

    def _marked(self, replays: Sequence[Replay], steps: int, take: int) -> Marked:
        """Time all these runs together."""
        idle_us = (DELAY_US + DELAY_US_PER_STEP * steps * len(replays)) * 2**take
        clock = self._machine.clock()
        began = time.perf_counter()
        self._machine.delay(idle_us)
        clock.start()
        for each in replays:
            each.run()
        clock.stop()
        taken_us = 1e6 * (time.perf_counter() - began)
        return Marked(clock.milliseconds(), taken_us <= idle_us)
