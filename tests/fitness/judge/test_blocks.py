"""Candidate and seed of a block: on the same inputs in the same slot, neither ever twice on the same ones."""

from __future__ import annotations

import random

import pytest
import torch

from fitness.judge.blocks import Block, Pair, measured_block
from fitness.judge.calls import MOST_PATIENCE, TAKES, Called, Caller, Series, Side
from fitness.judge.layout import Layout
from fitness.judge.memory import Arena
from fitness.judge.replay import Replay
from fitness.verdicts import Fault
from tests.fitness.judge.pretend import PretendMachine, binary, plan, task

TASK = task()
TIMED = TASK.workloads[1]


class Recording(Caller):
    """Times calls for real, and keeps what was asked."""

    def __init__(self, machine: PretendMachine) -> None:
        super().__init__(TASK, machine, random.Random(1))
        self.asked: list[Series] = []

    def timed(self, series: list[Series], is_cold: bool) -> list[Called]:  # type: ignore[override]
        self.asked += series
        return super().timed(series, is_cold)


def pair_of(machine: PretendMachine, kernels: tuple[str, str], slots: int, calls: int) -> Pair:
    plans = [plan("t", each) for each in kernels]
    layouts = Layout.shared(plans)
    arena = Arena(torch.device("cpu"), lambda: None).slots(layouts, slots, 1 << 30)
    sides = []
    places = zip(*(slot.place(layouts) for slot in arena), strict=True)
    for each, placed, kernel in zip(plans, places, kernels, strict=True):
        binaries = {binary(kernel).kernel: binary(kernel)}
        replays = [Replay(each, binaries, place, machine, ()) for place in placed]
        sides.append(Side(replays, len(each.steps)))
    return Pair(sides[0], sides[1], TIMED, calls)


@pytest.mark.parametrize("calls", [0, 2])
@pytest.mark.parametrize("seed", range(4))
def test_neighbours_run_on_the_same_inputs_and_nobody_twice(calls: int, seed: int) -> None:
    machine = PretendMachine()
    caller = Recording(machine)
    pair = pair_of(machine, ("increment", "slow"), 4, calls)
    block = measured_block(pair, 0, caller, random.Random(seed), None)
    assert isinstance(block, Block)
    asked = {
        side: [each for each in caller.asked if each.side is side] for side in (pair.candidate, pair.seed)
    }
    own, other = ([(each.slot, each.cases) for each in asked[side]] for side in (pair.candidate, pair.seed))
    assert sorted(own, key=str) == sorted(other, key=str)
    seen = [case.seed for _, cases in own for case in cases]
    assert len(set(seen)) == len(seen) == 2 * pair.timed_calls
    width = 2 if calls else 1
    order = [each.side for each in caller.asked][::width]
    assert order in ([pair.candidate, pair.seed, pair.seed, pair.candidate], [
        pair.seed, pair.candidate, pair.candidate, pair.seed
    ])  # fmt: skip


@pytest.mark.parametrize("seed", range(6))
def test_a_checked_call_is_the_candidates_and_is_looked_at_before_the_next(seed: int) -> None:
    machine = PretendMachine()
    caller = Recording(machine)
    pair = pair_of(machine, ("increment", "slow"), 2, 0)
    looked: list[int] = []

    def check(called: Called) -> Fault | None:
        looked.append(len(caller.asked))
        (output,) = called.last.outputs()
        assert bool(torch.isfinite(output).all())
        return None

    assert isinstance(measured_block(pair, 0, caller, random.Random(seed), check), Block)
    [asked] = looked
    assert caller.asked[asked - 1].side is pair.candidate


def test_calls_that_came_late_are_taken_again_on_other_inputs() -> None:
    machine = PretendMachine()  # its kernels run while they are enqueued, so slow ones are always late
    caller = Caller(TASK, machine, random.Random(1))
    pair = pair_of(machine, ("slow", "slow"), 2, 0)
    asked = Series(pair.candidate, 0, caller.fresh(TIMED))
    (called,) = caller.timed([asked], is_cold=True)
    assert called.late
    assert called.case not in asked.cases
    assert TAKES > 1


class Idling(PretendMachine):
    """Keeps how long it was told to idle."""

    def __init__(self) -> None:
        super().__init__()
        self.idled: list[float] = []

    def delay(self, microseconds: float) -> None:
        self.idled.append(microseconds)


def test_the_device_idles_longer_once_calls_came_late_and_within_bounds() -> None:
    machine = Idling()
    caller = Caller(TASK, machine, random.Random(1))
    pair = pair_of(machine, ("slow", "slow"), 2, 0)
    for _ in range(3):
        caller.timed([Series(pair.candidate, 0, caller.fresh(TIMED))], is_cold=True)
    first = machine.idled[0]
    assert machine.idled[: TAKES + 1] == [first * 2**late for late in range(TAKES + 1)]
    assert max(machine.idled) == machine.idled[-1] == first * MOST_PATIENCE


def test_what_a_neighbour_left_in_a_slot_is_wiped() -> None:
    machine = PretendMachine()
    pair = pair_of(machine, ("increment", "increment"), 1, 0)
    (own,), (other,) = pair.candidate.replays, pair.seed.replays
    inputs = (torch.ones(256),)
    other.prepare(inputs, 0xFF)
    other.run()
    (answer,) = other.outputs()
    assert bool((answer == 2).all())
    own.prepare(inputs, 0xFF)
    assert not bool((own._placed._memory.view(torch.float32) == 2).any())


@pytest.mark.parametrize(
    ("short", "long", "told"),
    [
        (0.012, 0.022, 0.005),  # 2 µs beside the calls
        (0.021, 0.022, 0.0055),  # dawdling in the shorter series makes no call of half a microsecond
        (0.030, 0.022, 0.0055),
    ],
)
def test_a_warm_call_is_the_difference_of_series_within_reason(
    short: float, long: float, told: float
) -> None:
    pair = pair_of(PretendMachine(), ("increment", "increment"), 4, 2)
    replay, case = pair.seed.replays[0], Caller(TASK, PretendMachine(), random.Random(1)).fresh(TIMED)[0]
    series = [Called(each, replay, case, False) for each in (short, long)]
    assert pair.milliseconds(series) == pytest.approx(told)
