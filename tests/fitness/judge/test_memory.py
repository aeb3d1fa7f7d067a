"""The arena: buffers do not touch, red zones are told from buffers to the byte, strided inputs arrive."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fitness.judge.layout import ALIGNMENT, ZONE_BYTES, Layout
from fitness.judge.memory import Arena, Placed, write
from fitness.judge.replay import Replay, same_bits
from fitness.plan import Allocate, Plan, View
from tests.fitness.judge.pretend import PretendMachine

CPU = torch.device("cpu")
MOST = 1 << 30


def plan(*sizes: int) -> Plan:
    steps = tuple(Allocate(number, size) for number, size in enumerate(sizes))
    return Plan(workload="w", inputs=(), outputs=(), steps=steps, kernels=())


def placed(layout: Layout) -> Placed:
    (slot,) = Arena(CPU, lambda: None).slots([layout], 1, MOST)
    return slot.place([layout])[0]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 5000), max_size=5))
def test_every_byte_is_of_one_buffer_or_of_a_red_zone(sizes: list[int]) -> None:
    layout = Layout.of(plan(*sizes))
    counts = torch.zeros(layout.size_bytes, dtype=torch.int)
    for buffer, start in layout.starts.items():
        assert start % ALIGNMENT == 0
        counts[start : start + layout.sizes[buffer]] += 1
    for begin, end in layout.zones(layout.size_bytes):
        assert end - begin >= ZONE_BYTES
        counts[begin:end] += 1
    assert bool((counts == 1).all())


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 3000), min_size=1, max_size=3), st.data())
def test_a_byte_written_outside_of_buffers_is_found(sizes: list[int], data: st.DataObject) -> None:
    layout = Layout.of(plan(*sizes))
    memory = placed(layout)
    memory.poison(0x11)
    assert memory.breach() is None
    begin, end = data.draw(st.sampled_from(layout.zones(memory._memory.numel())))
    at = data.draw(st.integers(begin, end - 1))
    memory._memory[at] ^= 1
    assert "1 bytes were written outside of any buffer" in str(memory.breach())


def test_a_breach_says_how_far_from_which_buffer() -> None:
    memory = placed(Layout.of(plan(100, 8)))
    memory._memory[ZONE_BYTES + 100 + 7] ^= 1
    assert "first 7 bytes after the end of buffer 0" in str(memory.breach())
    memory = placed(Layout.of(plan(100, 8)))
    memory._memory[ZONE_BYTES - 4] ^= 1
    assert "first 4 bytes before the first" in str(memory.breach())


@pytest.mark.parametrize(
    ("shape", "stride", "offset"),
    [
        ((3, 4), (4, 1), 0),
        ((4, 3), (1, 4), 2),
        ((3, 4), (1, 0), 1),
        ((), (), 5),
        ((0, 4), (4, 1), 0),
        ((2, 2), (8, 3), 0),
    ],
)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "int64", "bool", "float8_e4m3fn", "complex64"])
def test_strided_values_arrive(
    shape: tuple[int, ...], stride: tuple[int, ...], offset: int, dtype: str
) -> None:
    memory = placed(Layout.of(plan(4096)))
    view = View(buffer=0, offset=offset, shape=shape, stride=stride, dtype=dtype)
    target = memory.tensor(view)
    values = torch.as_strided(torch.randn(64).to(getattr(torch, dtype)), shape, stride, offset)
    write(target, values)
    assert same_bits(target, values)
    assert target.data_ptr() == memory.address(view) or target.numel() == 0
    assert memory.breach() is None


def test_no_byte_of_the_arena_keeps_what_is_written_there() -> None:
    # A kernel that finds a byte nobody looks at could count its calls there, and work in the first ones only.
    small, large = Layout.of(plan(100)), Layout.of(plan(50, 10**6))
    arena = Arena(CPU, lambda: None)
    arena.slots([Layout.of(plan(10**8))], 1, MOST)
    slots = arena.slots([small, large], 3, MOST)
    placed = [slot.place([each])[0] for slot, each in zip(slots, (small, large, small), strict=True)]
    assert sum(each._memory.numel() for each in placed) == arena._bytes.numel() < 10**7
    for each in placed:
        assert each.breach() is None
        each._memory[-1] ^= 1
        assert each.breach() is not None


def test_red_zones_cannot_be_restored_from_one_another() -> None:
    layout = Layout.of(plan(100, 8))
    memory = placed(layout)
    zones = layout.zones(memory._memory.numel())
    one, other = (memory._memory[begin : begin + 4096].clone() for begin, _ in zones[:2])
    assert not torch.equal(one, other)
    assert len(set(one.tolist())) > 200
    assert not torch.equal(one, placed(layout)._memory[:4096])


def test_what_lies_between_the_elements_of_an_input_is_poisoned_too() -> None:
    view = View(buffer=0, offset=0, shape=(8,), stride=(2,), dtype="float32")
    given = Plan(workload="w", inputs=(view,), outputs=(), steps=(), kernels=())
    memory = placed(Layout.of(given))
    replay = Replay(given, {}, memory, PretendMachine(), ())
    between = memory.bytes_of(0)[4:8]
    between.fill_(1)
    replay.prepare((torch.arange(8.0),), 0x7B)
    assert between.tolist() == [0x7B] * 4
    assert replay.modified((torch.arange(8.0),)) is None


def test_slots_are_as_many_as_fit_and_start_poisoned() -> None:
    layout = Layout.of(plan(1000))
    arena = Arena(CPU, lambda: None)
    assert len(arena.slots([layout], 5, 3 * layout.size_bytes)) == 3
    assert len(arena.slots([layout], 5, 0)) == 1
    (slot,) = arena.slots([layout], 1, MOST)
    assert bool((slot.place([layout])[0].bytes_of(0) == 0xFF).all())
    assert len(arena.slots([layout, Layout.of(plan(10**6))], 2, MOST)) == 2


def made(*sizes: int) -> Plan:
    """Return a plan with one input of 64 bytes that makes buffers of these sizes."""
    given = View(buffer=0, offset=0, shape=(16,), stride=(1,), dtype="float32")
    steps = tuple(Allocate(number, size) for number, size in enumerate(sizes, 1))
    return Plan(workload="w", inputs=(given,), outputs=(), steps=steps, kernels=())


def test_plans_in_one_slot_have_what_is_alike_at_the_same_place() -> None:
    one, other = Layout.shared([made(4096, 64, 4096), made(100, 4096)])
    assert one.starts[0] == other.starts[0]
    assert one.starts[1] == other.starts[2]
    assert other.starts[1] not in one.starts.values()
    assert one.starts[2] != one.starts[0]  # as long as the input, and none
    assert (one.taken, one.size_bytes) == (other.taken, other.size_bytes)
    assert Layout.shared([made(8), made(8)])[0] == Layout.of(made(8))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(st.sampled_from([0, 1, 64, 5000]), max_size=4), min_size=1, max_size=3))
def test_no_plan_of_a_slot_has_a_buffer_in_a_red_zone(sizes: list[list[int]]) -> None:
    for layout in Layout.shared([made(*each) for each in sizes]):
        assert all(layout.starts[buffer] % ALIGNMENT == 0 for buffer in layout.starts)
        for begin, end in layout.zones(layout.size_bytes):
            assert end - begin >= ZONE_BYTES
            for buffer, start in layout.starts.items():
                assert start >= end or start + layout.sizes[buffer] <= begin
