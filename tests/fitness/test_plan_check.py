from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fitness.plan import Allocate, Captured, Fill, KernelIR, Launch, Plan, View
from fitness.plan_check import ITEM_BYTES, buffer_sizes, malformed, span_bytes, wrong_capture
from tests.fitness.capturing import spec

KERNEL = KernelIR(name="k", ttir="", options={})


def view(**changes: Any) -> View:
    return msgspec.structs.replace(
        View(buffer=0, offset=0, shape=(4, 8), stride=(8, 1), dtype="float32"), **changes
    )


def launch(*args: Any, kernel: int = 0, grid: tuple[int, int, int] = (1, 1, 1)) -> Launch:
    return Launch(kernel=kernel, grid=grid, args=args)


WHOLE = view()


def plan(*steps: Any, inputs: Any = (WHOLE,), outputs: Any = (), **more: Any) -> Plan:
    return Plan(workload="w", inputs=inputs, outputs=outputs, steps=steps, kernels=(KERNEL,), **more)


@pytest.mark.parametrize(
    "good",
    [
        plan(),
        plan(inputs=(3, None, True, 2.5)),
        plan(Allocate(1, 64), launch(view(), view(buffer=1, shape=(16,), stride=(1,)), 5, None)),
        plan(launch(view(offset=31, shape=(), stride=()), grid=(2**31 - 1, 65535, 65535))),
        plan(launch(view(shape=(0, 7), offset=32), view(stride=(0, 0)))),
        plan(Allocate(7, 0), Fill(view(buffer=7, shape=(0,), stride=(1,)), 1.0)),
        plan(outputs=(view(dtype="uint8", shape=(128,), stride=(1,)),)),
    ],
)
def test_what_capture_can_make_is_well_formed(good: Plan) -> None:
    assert malformed(good) is None


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        (plan(launch(view(offset=1))), "ends 132 bytes into buffer 0 of 128 bytes"),
        (plan(launch(view(stride=(9, 1)))), "ends"),
        (plan(launch(view(dtype="float64"))), "ends 256 bytes"),
        (plan(launch(view(offset=-1))), "not be negative"),
        (plan(launch(view(stride=(-8, 1)))), "not be negative"),
        (plan(launch(view(shape=(-4, 8)))), "not be negative"),
        (plan(launch(view(shape=(4,)))), "do not go together"),
        (plan(launch(view(shape=(1,) * 65, stride=(1,) * 65))), "do not go together"),
        (plan(launch(view(dtype="quint8"))), "'quint8' is not known"),
        (plan(launch(view(buffer=1))), "neither an input nor allocated"),
        (plan(launch(view(buffer=1)), Allocate(1, 128)), "neither an input nor allocated"),
        (plan(Fill(view(offset=1), 0)), "ends"),
        (plan(outputs=(view(buffer=3),)), "output: buffer 3"),
        (plan(Allocate(0, 8)), "is there already"),
        (plan(Allocate(1, 8), Allocate(1, 8)), "is there already"),
        (plan(Allocate(1, -8)), "cannot have -8 bytes"),
        (plan(Allocate(-1, 8)), "buffer -1"),
        (plan(launch(kernel=1)), "kernel number 1 is launched, the plan has 1"),
        (plan(launch(kernel=-1)), "kernel number -1"),
        (plan(launch(grid=(0, 1, 1))), "grid"),
        (plan(launch(grid=(1, -1, 1))), "grid"),
        (plan(launch(grid=(2**31, 1, 1))), "grid"),
        (plan(launch(grid=(1, 65536, 1))), "grid"),
        (plan(launch(grid=(1, 1, 65536))), "grid"),
        (plan(*[launch()] * 257), "at most 256"),
        (plan(inputs=(view(dtype="nonsense"),)), "input: dtype"),
        (plan(inputs=(view(shape=(-1, 2)),)), "input: "),
    ],
)
def test_what_cannot_be_is_told(bad: Plan, told: str) -> None:
    fault = malformed(bad)
    assert fault is not None
    assert told in fault


def test_a_capture_must_be_the_one_that_was_asked_for() -> None:
    inputs = (spec(4, 8), 3)
    good = plan(inputs=(view(), 3))
    second = msgspec.structs.replace(good, choice=2)
    assert wrong_capture(Captured(workload="w", alternatives=(good, second)), "w", inputs) is None
    for bad in (
        Captured(workload="v", alternatives=(good,)),
        Captured(workload="w", alternatives=()),
        Captured(workload="w", alternatives=(good,) * 2),
        Captured(workload="w", alternatives=(second, good)),
        Captured(workload="w", alternatives=(msgspec.structs.replace(good, choice=16),)),
        Captured(workload="w", alternatives=(msgspec.structs.replace(good, choice=-1),)),
        Captured(workload="w", alternatives=(msgspec.structs.replace(good, workload="v"),)),
        Captured(workload="w", alternatives=(plan(inputs=(view(),)),)),
        Captured(workload="w", alternatives=(plan(inputs=(view(dtype="int32"), 3)),)),
        Captured(workload="w", alternatives=(good, plan(launch(kernel=9), inputs=(view(), 3), choice=1))),
    ):
        assert wrong_capture(bad, "w", inputs) is not None


sizes = st.integers(0, 5)


@given(st.lists(st.tuples(sizes, sizes), max_size=4), sizes, st.sampled_from(sorted(ITEM_BYTES)))
def test_a_view_spans_up_to_its_last_element(dims: list[tuple[int, int]], offset: int, dtype: str) -> None:
    each = View(0, offset, tuple(size for size, _ in dims), tuple(stride for _, stride in dims), dtype)
    elements = {offset}
    for size, stride in dims:
        elements = {at + n * stride for at in elements for n in range(size)}
    expected = (max(elements) + 1) * ITEM_BYTES[dtype] if elements else 0
    assert span_bytes(each) == expected
    assert buffer_sizes(plan(inputs=(each,))) == {0: expected}
