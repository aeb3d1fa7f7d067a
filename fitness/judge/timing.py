"""Latency on the device: candidate and seed in paired blocks, every call on new inputs and poisoned memory.

A block is four calls, candidate, seed, seed, candidate or the reverse, at random ("ABBA"), so that drift
within it falls out. Calls are cold: the last-level cache is flushed before each, and slots of memory take
turns. What is shorter than events can resolve is timed warm instead: K calls against 2 K, on a slot each, so
that neither is any memory written twice nor do the events' own costs count.
"""

from __future__ import annotations

import math
import random
import statistics
import time
from collections.abc import Sequence

import msgspec

from evo.evaluation import Stage, Status
from evo.task import Role, Task, Workload
from fitness.judge.checking import disturbance, plan_for
from fitness.judge.gpu import Machine
from fitness.judge.memory import POISONS, Arena, Layout, NoRoom, Slot
from fitness.judge.messages import Ask, Subject, Timing
from fitness.judge.replay import Replay
from fitness.judge.statistics import hopeless, log_ratio
from fitness.messages import NORMAL, Case
from fitness.plan import Plan
from fitness.reference import fault_in, inputs_of
from fitness.verdicts import Fault

COLD_SLOTS = 2
WARM_UPS = 2
FEWEST_WARM_CALLS = 4
MOST_WARM_CALLS = 16
WARM_SERIES_US = 100.0
DELAY_US = 20.0
DELAY_US_PER_STEP = 12.0
"""Idle time before what is timed: longer than this process takes to enqueue it."""


class Called(msgspec.Struct, frozen=True):
    """One timed call or series: milliseconds a call, and what the last call's inputs were made from."""

    milliseconds: float
    case: Case


class Side:
    """Candidate or seed on one workload: its plan, replayed in each of its slots in turn."""

    def __init__(self, replays: Sequence[Replay], steps: int) -> None:
        self.replays = replays
        self.steps = steps
        self._next = 0

    def take(self, count: int) -> list[Replay]:
        """Return the replays of the next calls."""
        taken = [self.replays[(self._next + number) % len(self.replays)] for number in range(count)]
        self._next += count
        return taken

    @property
    def last(self) -> Replay:
        """The replay of the last call."""
        return self.replays[(self._next - 1) % len(self.replays)]


class Timer:
    """Measures the timed workloads of one request."""

    def __init__(self, request: Ask, machine: Machine, arena: Arena) -> None:
        self._request = request
        self._task: Task = request.task
        self._machine = machine
        self._arena = arena
        self._random = random.Random(request.seed)

    def time_all(self) -> tuple[Timing, ...] | Fault:
        """Measure every timed workload.

        Raises:
            DriverError: the device refuses a launch.
            RuntimeError: the device failed.
            NoRoom: the device has no memory left.
        """
        timings = []
        for workload in self._task.having(Role.TIME):
            timed = self._time(workload)
            if isinstance(timed, Fault):
                return timed
            timings.append(timed)
        return tuple(timings)

    def _time(self, workload: Workload) -> Timing | Fault:
        """Pick the alternatives, then measure in blocks."""
        before = self._machine.telemetry()
        began = time.monotonic()
        choice = self._pick(self._request.candidate, workload)
        tuning_seconds = time.monotonic() - began
        plans = [
            self._plan(self._request.candidate, workload, choice),
            self._plan(self._request.baseline, workload, self._pick(self._request.baseline, workload)),
        ]
        calls = self._warm_calls(plans, workload)
        candidate, seed = self._sides(plans, 2 * calls or COLD_SLOTS)
        outcome = self._blocks(candidate, seed, workload, calls)
        if isinstance(outcome, Fault):
            return outcome
        fault = self._breach(candidate, workload)
        if fault:
            return fault
        ratios, seed_ms = outcome
        return Timing(
            workload=workload.name, choice=choice, baseline_ms=statistics.median(seed_ms),
            log_ratios=tuple(ratios), calls=2 * len(ratios) * (3 * calls or 1), warm=bool(calls),
            tuning_seconds=tuning_seconds, before=before, after=self._machine.telemetry(),
        )  # fmt: skip

    def _pick(self, subject: Subject, workload: Workload) -> int:
        """Return the choice of the fastest autotune alternative, by a few cold calls of each."""
        plans = next(each.alternatives for each in subject.captured if each.workload == workload.name)
        if len(plans) == 1:
            return plans[0].choice
        slots = self._slots(plans, 1)
        times: dict[int, list[float]] = {plan.choice: [] for plan in plans}
        for _ in range(self._request.rules.trials):
            for plan in plans:
                side = self._side(plan, slots, subject)
                times[plan.choice].append(self._cold(side, workload).milliseconds)
        return min(times, key=lambda choice: (statistics.median(times[choice]), choice))

    def _warm_calls(self, plans: Sequence[Plan], workload: Workload) -> int:
        """Return how many calls make the shorter of two series; 0 if calls are long enough to be cold."""
        estimates = []
        for side in self._sides(plans, COLD_SLOTS):
            estimates.append([self._cold(side, workload).milliseconds for _ in range(WARM_UPS)][-1])
        longest_us = 1e3 * max(estimates)
        if longest_us >= self._request.rules.short_us:
            return 0
        fitting = math.ceil(WARM_SERIES_US / max(longest_us, 1.0))
        return min(MOST_WARM_CALLS, max(FEWEST_WARM_CALLS, fitting))

    def _blocks(
        self, candidate: Side, seed: Side, workload: Workload, calls: int
    ) -> tuple[list[float], list[float]] | Fault:
        """Return the log ratio of each block, and all latencies of the seed in milliseconds."""
        rules = self._request.rules
        fewest = min(rules.fewest_blocks, rules.blocks)
        checked = set(self._random.sample(range(fewest), min(rules.checked_calls, fewest)))
        ratios: list[float] = []
        seed_ms: list[float] = []
        began = time.monotonic()
        while len(ratios) < rules.blocks:
            outer, inner = (candidate, seed) if self._random.random() < 0.5 else (seed, candidate)
            check_at = self._random.randrange(2) if len(ratios) in checked else None
            times: dict[int, list[float]] = {id(candidate): [], id(seed): []}
            for side in (outer, inner, inner, outer):
                done = times[id(side)]
                called = self._series(side, workload, calls) if calls else self._cold(side, workload)
                if side is candidate and check_at == len(done):
                    fault = self._check(side, called.case)
                    if fault:
                        return fault
                done.append(called.milliseconds)
            ratios.append(log_ratio(times[id(candidate)], times[id(seed)]))
            seed_ms += times[id(seed)]
            late = time.monotonic() - began > rules.seconds
            if len(ratios) >= fewest and (late or hopeless(ratios, rules.hopeless)):
                break
        return ratios, seed_ms

    def _cold(self, side: Side, workload: Workload) -> Called:
        """Time one call on a flushed cache."""
        (replay,) = side.take(1)
        case = self._prepared(replay, workload)
        self._machine.flush()
        return Called(self._timed([replay], side.steps), case)

    def _series(self, side: Side, workload: Workload, calls: int) -> Called:
        """Time so many calls against twice as many; each has its own memory and inputs."""
        totals = []
        for count in (calls, 2 * calls):
            replays = side.take(count)
            cases = [self._prepared(each, workload) for each in replays]
            totals.append(self._timed(replays, side.steps))
        short, long = totals
        milliseconds = (long - short) / calls if long > short else long / (2 * calls)
        return Called(milliseconds, cases[-1])

    def _timed(self, replays: Sequence[Replay], steps: int) -> float:
        """Return how long all these runs take together, in milliseconds."""
        clock = self._machine.clock()
        self._machine.delay(DELAY_US + DELAY_US_PER_STEP * steps * len(replays))
        clock.start()
        for each in replays:
            each.run()
        clock.stop()
        return clock.milliseconds()

    def _prepared(self, replay: Replay, workload: Workload) -> Case:
        """Write inputs that no call has seen, and poison; return what they were made from."""
        case = Case(workload, NORMAL, self._random.getrandbits(63))
        replay.prepare(inputs_of(self._task, case, str(self._machine.device)), POISONS[0])
        return case

    def _check(self, side: Side, case: Case) -> Fault | None:
        """Check the outputs of a side's last call; nothing of the answer is left on the device."""
        replay = side.last
        outputs = replay.outputs()
        device = str(self._machine.device)
        fault = disturbance(replay, self._task, case, device)
        wrong = None if fault else fault_in(self._task, case, outputs, device)
        del outputs
        self._machine.release()
        if wrong:
            fault = Fault(status=Status.WRONG, stage=Stage.TIME, feedback=f"{wrong} (in a timed call)")
        return msgspec.structs.replace(fault, stage=Stage.TIME) if fault else None

    def _breach(self, side: Side, workload: Workload) -> Fault | None:
        """Return which red zone any timed call wrote to, or None."""
        told = next((breach for each in side.replays if (breach := each.breach())), None)
        if told is None:
            return None
        return Fault(status=Status.CRASHED, stage=Stage.TIME, feedback=f"{workload.name}: {told}")

    def _sides(self, plans: Sequence[Plan], count: int) -> tuple[Side, Side]:
        """Return candidate and seed with slots of their own, dealt at random."""
        slots = self._slots(plans, 2 * count)
        if len(slots) < 2:
            raise NoRoom(f"two slots of {Layout.of(plans[0]).size_bytes} bytes")
        self._random.shuffle(slots)
        half = len(slots) // 2
        subjects = (self._request.candidate, self._request.baseline)
        candidate, seed = (
            self._side(plan, dealt, subject)
            for plan, dealt, subject in zip(plans, (slots[:half], slots[half:]), subjects, strict=True)
        )
        return candidate, seed

    def _side(self, plan: Plan, slots: Sequence[Slot], subject: Subject) -> Side:
        binaries = {each.kernel: each for each in subject.binaries}
        mutated = self._request.mutated
        replays = [Replay(plan, binaries, slot, self._machine, mutated) for slot in slots]
        return Side(replays, len(plan.steps))

    def _slots(self, plans: Sequence[Plan], wanted: int) -> list[Slot]:
        layouts = [Layout.of(plan) for plan in plans]
        return self._arena.slots(layouts, wanted, self._machine.memory_bytes())

    def _plan(self, subject: Subject, workload: Workload, choice: int) -> Plan:
        plan = plan_for(subject, workload.name, choice)
        assert plan is not None, (workload.name, choice)  # it was picked from the plans
        return plan
