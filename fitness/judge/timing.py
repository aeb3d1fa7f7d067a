"""Latency on the device: candidate and seed in paired blocks, every call on new inputs and poisoned memory.

Calls are cold: the last-level cache is flushed before each, and slots of memory take turns. What is shorter
than events can resolve is timed warm instead: K calls against 2 K, on a slot each, so that neither is any
memory written twice nor do the events' own costs count.
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
from fitness.judge.blocks import Block, Pair, measured_block
from fitness.judge.calls import Called, Caller, Series, Side
from fitness.judge.checking import disturbance, plan_for
from fitness.judge.gpu import Machine
from fitness.judge.layout import Layout
from fitness.judge.memory import Arena
from fitness.judge.messages import Ask, Subject, Timing
from fitness.judge.replay import Replay
from fitness.judge.statistics import hopeless, settled
from fitness.plan import Plan
from fitness.reference import fault_in
from fitness.verdicts import Fault

COLD_SLOTS = 2
WARM_UPS = 2
FEWEST_WARM_CALLS = 4
MOST_WARM_CALLS = 32
WARM_SERIES_US = 200.0


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
        sides = self._placed(plans, COLD_SLOTS)
        calls = self._warm_calls(sides, workload)
        if calls:
            sides = self._placed(plans, 2 * calls)
        pair = Pair(sides[0], sides[1], workload, calls)
        blocks = self._blocks(pair)
        if isinstance(blocks, Fault):
            return blocks
        breached = self._breach(pair)
        if breached:
            return breached
        return Timing(
            workload=workload.name, choice=choice,
            baseline_ms=statistics.median(each for block in blocks for each in block.seed_ms),
            log_ratios=tuple(each.log_ratio for each in blocks), calls=2 * len(blocks) * pair.timed_calls,
            warm=bool(calls), late=sum(each.late for each in blocks), tuning_seconds=tuning_seconds,
            before=before, after=self._machine.telemetry(),
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
                times[choice].append(self._cold_ms(side, workload))
        return min(times, key=lambda choice: (statistics.median(times[choice]), choice))

    def _warm_calls(self, sides: Sequence[Side], workload: Workload) -> int:
        """Return how many calls make the shorter of two series; 0 if calls are long enough to be cold."""
        estimates = []
        for side in sides:
            estimates.append([self._cold_ms(side, workload) for _ in range(WARM_UPS)][-1])
        longest_us = 1e3 * max(estimates)
        if longest_us >= self._request.rules.short_us:
            return 0
        fitting = math.ceil(WARM_SERIES_US / max(longest_us, 1.0))
        return min(MOST_WARM_CALLS, max(FEWEST_WARM_CALLS, fitting))

    def _blocks(self, pair: Pair) -> list[Block] | Fault:
        """Measure in blocks until enough is known; check some of the candidate's calls."""
        rules = self._request.rules
        fewest = min(rules.fewest_blocks, rules.blocks)
        checked = set(self._random.sample(range(fewest), min(rules.checked_calls, fewest)))
        blocks: list[Block] = []
        began = time.monotonic()
        while len(blocks) < rules.blocks:
            late = rules.checked_calls and len(blocks) >= fewest and not self._random.randrange(fewest)
            check = self._check if late or len(blocks) in checked else None
            block = measured_block(pair, len(blocks), self._caller, self._random, check)
            if isinstance(block, Fault):
                return block
            blocks.append(block)
            if len(blocks) >= fewest and self._is_enough(pair.workload, blocks, time.monotonic() - began):
                break
        return blocks

    def _is_enough(self, workload: Workload, blocks: Sequence[Block], seconds: float) -> bool:
        """Return whether blocks that took so long say all that further ones could."""
        rules, ratios = self._request.rules, [each.log_ratio for each in blocks]
        slow = math.log(rules.hopeless) + min(0.0, self._request.best.get(workload.name, 0.0))
        return seconds > rules.seconds or hopeless(ratios, slow) or settled(ratios, rules.precise)

    def _cold_ms(self, side: Side, workload: Workload) -> float:
        """Return the latency of one call on a flushed cache, in milliseconds."""
        (called,) = self._caller.timed([Series(side, 0, self._caller.fresh(workload))], is_cold=True)
        return called.milliseconds

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

    def _breach(self, pair: Pair) -> Fault | None:
        """Return what any timed call wrote to that is not its own, or None."""
        told = next((breach for each in pair.candidate.replays if (breach := each.breach())), None)
        if told is None and self._machine.is_flushed_evenly():
            return None
        told = told or "the buffer was written to that flushes the cache"
        return Fault(status=Status.CRASHED, stage=Stage.TIME, feedback=f"{pair.workload.name}: {told}")

    def _placed(self, plans: Sequence[tuple[Plan, Subject]], wanted: int) -> list[Side]:
        """Return plans, each with whose it is, in the same slots: as many as wanted if they fit."""
        layouts = Layout.shared([plan for plan, _ in plans])
        slots = self._arena.slots(layouts, wanted, self._machine.memory_bytes())
        sides = []
        places = zip(*(slot.place(layouts) for slot in slots), strict=True)
        for (plan, subject), placed in zip(plans, places, strict=True):
            binaries = {each.kernel: each for each in subject.binaries}
            replays = [Replay(plan, binaries, each, self._machine, self._request.mutated) for each in placed]
            sides.append(Side(replays, len(plan.steps)))
        return sides

    def _plan(self, subject: Subject, workload: Workload, choice: int) -> Plan:
        plan = plan_for(subject, workload.name, choice)
        assert plan is not None, (workload.name, choice)  # it was picked from the plans
        return plan
