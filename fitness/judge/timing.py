"""Latency on the device: candidate and seed in paired blocks, every call on new inputs and poisoned memory.

A block is four calls, candidate, seed, seed, candidate or the reverse, at random ("ABBA"), so that drift
within it falls out; both run at the same addresses, since where a buffer lies can weigh more than what is
compared (13% seen between two places on an H100). Calls are cold: the last-level cache is flushed before
each, and slots of memory take turns. What is shorter than events can resolve is timed warm instead: K calls
against 2 K, on a slot each, so that neither is any memory written twice nor do the events' own costs count.
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
from fitness.judge.calls import Called, Caller, Side
from fitness.judge.checking import disturbance, plan_for
from fitness.judge.gpu import Machine
from fitness.judge.memory import Arena, Layout
from fitness.judge.messages import Ask, Subject, Timing, TimingRules
from fitness.judge.replay import Replay
from fitness.judge.statistics import hopeless, log_ratio, settled
from fitness.plan import Plan
from fitness.reference import fault_in
from fitness.verdicts import Fault

COLD_SLOTS = 2
WARM_UPS = 2
FEWEST_WARM_CALLS = 4
MOST_WARM_CALLS = 16
WARM_SERIES_US = 100.0


class Blocks(msgspec.Struct, frozen=True):
    """What the blocks of a workload say.

    Attributes:
        log_ratios: candidate over seed, one a block.
        seed_ms: all latencies of the seed, in milliseconds.
        late: calls that the device may have waited for.
    """

    log_ratios: list[float]
    seed_ms: list[float]
    late: int


class Timer:
    """Measures the timed workloads of one request."""

    def __init__(self, request: Ask, machine: Machine, arena: Arena) -> None:
        self._request = request
        self._task: Task = request.task
        self._machine = machine
        self._arena = arena
        self._random = random.Random(request.seed)
        self._caller = Caller(request.task, machine, self._random)

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
        own, other = self._request.candidate, self._request.baseline
        plans = [
            (self._plan(own, workload, choice), own),
            (self._plan(other, workload, self._pick(other, workload)), other),
        ]
        candidate, seed = self._placed(plans, COLD_SLOTS)
        calls = self._warm_calls((candidate, seed), workload)
        if calls:
            candidate, seed = self._placed(plans, 2 * calls)
        blocks = self._blocks(candidate, seed, workload, calls)
        if isinstance(blocks, Fault):
            return blocks
        breached = self._breach(candidate, workload)
        if breached:
            return breached
        return Timing(
            workload=workload.name, choice=choice, baseline_ms=statistics.median(blocks.seed_ms),
            log_ratios=tuple(blocks.log_ratios), calls=2 * len(blocks.log_ratios) * (3 * calls or 1),
            warm=bool(calls), late=blocks.late, tuning_seconds=tuning_seconds, before=before,
            after=self._machine.telemetry(),
        )  # fmt: skip

    def _pick(self, subject: Subject, workload: Workload) -> int:
        """Return the choice of the fastest autotune alternative, by a few cold calls of each."""
        plans = next(each.alternatives for each in subject.captured if each.workload == workload.name)
        if len(plans) == 1:
            return plans[0].choice
        placed = self._placed([(plan, subject) for plan in plans], 1)
        sides = {plan.choice: side for plan, side in zip(plans, placed, strict=True)}
        times: dict[int, list[float]] = {choice: [] for choice in sides}
        for _ in range(self._request.rules.trials):
            for choice, side in sides.items():
                times[choice].append(self._caller.cold(side, 0, workload).milliseconds)
        return min(times, key=lambda choice: (statistics.median(times[choice]), choice))

    def _warm_calls(self, sides: Sequence[Side], workload: Workload) -> int:
        """Return how many calls make the shorter of two series; 0 if calls are long enough to be cold."""
        estimates = []
        for side in sides:
            called = [self._caller.cold(side, turn, workload) for turn in range(WARM_UPS)]
            estimates.append(called[-1].milliseconds)
        longest_us = 1e3 * max(estimates)
        if longest_us >= self._request.rules.short_us:
            return 0
        fitting = math.ceil(WARM_SERIES_US / max(longest_us, 1.0))
        return min(MOST_WARM_CALLS, max(FEWEST_WARM_CALLS, fitting))

    def _blocks(self, candidate: Side, seed: Side, workload: Workload, calls: int) -> Blocks | Fault:
        """Measure in blocks until enough is known; check some of the candidate's calls."""
        rules = self._request.rules
        fewest = min(rules.fewest_blocks, rules.blocks)
        checked = set(self._random.sample(range(fewest), min(rules.checked_calls, fewest)))
        ratios: list[float] = []
        seed_ms: list[float] = []
        late, began = 0, time.monotonic()
        while len(ratios) < rules.blocks:
            outer, inner = (candidate, seed) if self._random.random() < 0.5 else (seed, candidate)
            check_at = self._random.randrange(2) if len(ratios) in checked else None
            times: dict[int, list[float]] = {id(candidate): [], id(seed): []}
            for turn, side in enumerate((outer, inner, inner, outer)):
                called = self._called(side, len(ratios) + turn // 2, workload, calls)
                late += called.late
                done = times[id(side)]
                if side is candidate and check_at == len(done):
                    fault = self._check(called)
                    if fault:
                        return fault
                done.append(called.milliseconds)
            ratios.append(log_ratio(times[id(candidate)], times[id(seed)]))
            seed_ms += times[id(seed)]
            if len(ratios) >= fewest and _is_enough(ratios, rules, time.monotonic() - began):
                break
        return Blocks(ratios, seed_ms, late)

    def _called(self, side: Side, slot: int, workload: Workload, calls: int) -> Called:
        """Time a call, or a series of calls."""
        if calls:
            return self._caller.warm(side, slot, workload, calls)
        return self._caller.cold(side, slot, workload)

    def _check(self, called: Called) -> Fault | None:
        """Check the outputs of a candidate's call; nothing of the answer is left on the device."""
        outputs = called.last.outputs()
        device = str(self._machine.device)
        fault = disturbance(called.last, self._task, called.case, device)
        wrong = None if fault else fault_in(self._task, called.case, outputs, device)
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

    def _placed(self, plans: Sequence[tuple[Plan, Subject]], wanted: int) -> list[Side]:
        """Return plans, each with whose it is, in the same slots: as many as wanted if they fit."""
        layouts = Layout.shared([plan for plan, _ in plans])
        slots = self._arena.slots(layouts, wanted, self._machine.memory_bytes())
        sides = []
        for (plan, subject), layout in zip(plans, layouts, strict=True):
            binaries = {each.kernel: each for each in subject.binaries}
            replays = [
                Replay(plan, binaries, slot.place(layout), self._machine, self._request.mutated)
                for slot in slots
            ]
            sides.append(Side(replays, len(plan.steps)))
        return sides

    def _plan(self, subject: Subject, workload: Workload, choice: int) -> Plan:
        plan = plan_for(subject, workload.name, choice)
        assert plan is not None, (workload.name, choice)  # it was picked from the plans
        return plan


def _is_enough(log_ratios: Sequence[float], rules: TimingRules, seconds: float) -> bool:
    """Return whether blocks that took so long say all that further ones could."""
    if seconds > rules.seconds or hopeless(log_ratios, rules.hopeless):
        return True
    return settled(log_ratios, rules.precise)
