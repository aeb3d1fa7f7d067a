"""Paired blocks: candidate, seed, seed, candidate or the reverse ("ABBA"), so that drift within it falls out.

Neighbours run at the same addresses, since where a buffer lies can weigh more than what is compared (13% seen
between two places on an H100), and on the same inputs, since those can decide how much there is to do.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import msgspec

from evo.task import Workload
from fitness.judge.calls import Called, Caller, Series, Side
from fitness.judge.statistics import log_ratio
from fitness.verdicts import Fault

Check = Callable[[Called], Fault | None]


class Pair(msgspec.Struct, frozen=True):
    """Candidate and seed on one workload, in the same slots.

    Attributes:
        candidate, seed: the two.
        workload: what they run on.
        calls: calls of the shorter of two series, where both are timed warm; 0 where they are timed cold.
    """

    candidate: Side
    seed: Side
    workload: Workload
    calls: int

    @property
    def timed_calls(self) -> int:
        """Calls behind each figure of a side."""
        return 3 * self.calls or 1

    def series(self, side: Side, slot: int, caller: Caller) -> list[list[Series]]:
        """Return what is timed for one figure of this side, and the same for the other side, in this slot."""
        cases = caller.fresh(self.workload, self.timed_calls)
        parts = [cases[: self.calls], cases[self.calls :]] if self.calls else [cases]
        other = self.seed if side is self.candidate else self.candidate
        return [[Series(each, slot, part) for part in parts] for each in (side, other)]

    def milliseconds(self, called: Sequence[Called]) -> float:
        """Return the latency of a call out of what was timed for one figure: K calls against 2 K, if warm.

        A call takes half of its share of the longer series at least: a kernel that dawdled in the shorter one
        gains nothing.
        """
        if not self.calls:
            return called[0].milliseconds
        short, long = (each.milliseconds for each in called)
        share = long / (2 * self.calls)
        difference = (long - short) / self.calls
        return difference if difference >= share / 2 else share


class Block(msgspec.Struct, frozen=True):
    """What one block says.

    Attributes:
        log_ratio: candidate over seed.
        seed_ms: both latencies of the seed, in milliseconds.
        late: series that the device may have waited for.
    """

    log_ratio: float
    seed_ms: tuple[float, ...]
    late: int


def measured_block(
    pair: Pair, slot: int, caller: Caller, rng: random.Random, check: Check | None
) -> Block | Fault:
    """Measure one block from a slot on, in random order.

    With a check, one of the candidate's two calls, at random, is looked at as soon as it is done.
    """
    outer, inner = (pair.candidate, pair.seed) if rng.random() < 0.5 else (pair.seed, pair.candidate)
    turns = [*pair.series(outer, slot, caller), *pair.series(inner, slot + 1, caller)]
    own = [at for at, turn in enumerate(turns) if turn[0].side is pair.candidate]
    cut = rng.choice(own) + 1 if check else len(turns)
    told = _timed(turns[:cut], pair, caller)
    fault = check(told[-1]) if check else None
    if fault:
        return fault
    told += _timed(turns[cut:], pair, caller)
    width = len(turns[0])
    latencies = [pair.milliseconds(told[at : at + width]) for at in range(0, len(told), width)]
    candidate_ms = [latencies[at] for at in own]
    seed_ms = [each for at, each in enumerate(latencies) if at not in own]
    return Block(log_ratio(candidate_ms, seed_ms), tuple(seed_ms), sum(each.late for each in told))


def _timed(turns: Sequence[Sequence[Series]], pair: Pair, caller: Caller) -> list[Called]:
    return caller.timed([series for turn in turns for series in turn], is_cold=not pair.calls)
