"""Plans as no honest capture makes them are refused, whatever number is forged; honest ones are not."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from evo.evaluation import Status
from fitness.judge.layout import Layout
from fitness.judge.messages import Subject
from fitness.judge.refusal import refusal_of
from fitness.plan import Allocate, Captured, Fill, Launch, Plan, View
from fitness.verdicts import Fault
from tests.fitness.judge.pretend import SIZES, plan, subject, view

MEMORY = 1 << 30
HONEST = subject("increment")


def refusal(
    judged: Subject, mutated: tuple[int, ...] = (), workloads: tuple[str, ...] = tuple(SIZES)
) -> Fault | None:
    return refusal_of(judged, workloads, mutated, MEMORY)


def with_plan(forged: Plan) -> Subject:
    """Return the honest subject with another plan of its first workload."""
    _, other = HONEST.captured
    return msgspec.structs.replace(HONEST, captured=(Captured(workload="w", alternatives=(forged,)), other))


def rejected(judged: Subject, mutated: tuple[int, ...] = ()) -> str:
    fault = refusal(judged, mutated)
    assert fault is not None
    assert fault.status is Status.REJECTED, fault
    return fault.feedback


def test_an_honest_subject_is_taken() -> None:
    assert refusal(HONEST) is None
    assert refusal(HONEST, mutated=(0,)) is None
    assert refusal(subject("increment", "slow")) is None


def changed(**change: Any) -> View:
    return msgspec.structs.replace(view(1, 64), **change)


HUGE = 2**60
BELOW_0 = st.integers(-HUGE, -1)
BAD_VIEWS = st.one_of(
    (BELOW_0 | st.integers(2, HUGE)).map(lambda buffer: changed(buffer=buffer)),
    (BELOW_0 | st.integers(1, HUGE)).map(lambda offset: changed(offset=offset)),
    (BELOW_0 | st.integers(65, HUGE)).map(lambda size: changed(shape=(size,))),
    (BELOW_0 | st.integers(2, HUGE)).map(lambda stride: changed(stride=(stride,))),
    st.lists(st.integers(0, 1), min_size=2).map(lambda strides: changed(stride=tuple(strides))),
    st.sampled_from(["", "float", "float64", "load", "__class__"]).map(lambda name: changed(dtype=name)),
)


@given(BAD_VIEWS, st.sampled_from(["output", "argument", "fill"]))
def test_views_outside_of_their_buffers(bad: View, place: str) -> None:
    honest = plan("w", "increment")
    allocate, fill, launch = honest.steps
    assert isinstance(launch, Launch)
    if place == "output":
        forged = msgspec.structs.replace(honest, outputs=(bad,))
    elif place == "argument":
        args = (launch.args[0], bad, launch.args[2])
        forged = msgspec.structs.replace(
            honest, steps=(allocate, fill, msgspec.structs.replace(launch, args=args))
        )
    else:
        forged = msgspec.structs.replace(
            honest, steps=(allocate, msgspec.structs.replace(fill, view=bad), launch)
        )
    rejected(with_plan(forged))


EMPTY_FAR_AWAY = changed(shape=(0,), offset=65)
REPEATED = changed(shape=(2**40, 64), stride=(0, 1))


@pytest.mark.parametrize("bad", [EMPTY_FAR_AWAY, changed(shape=(2**50, 0), stride=(64, 1))])
def test_empty_views_begin_in_their_buffer_too(bad: View) -> None:
    honest = plan("w", "increment")
    launch = msgspec.structs.replace(LAUNCH, args=(view(0, 64), bad, 64))
    rejected(with_plan(msgspec.structs.replace(honest, steps=(honest.steps[0], launch))))


def test_an_output_that_repeats_its_elements_is_refused() -> None:
    # A contiguous copy of it would need a device that there is not.
    honest = plan("w", "increment")
    assert "more than once" in rejected(with_plan(msgspec.structs.replace(honest, outputs=(REPEATED,))))


@pytest.mark.parametrize(
    ("dtype", "value"),
    [("int8", 1000), ("uint8", -(2**40)), ("int32", float("nan")), ("int64", 1e300), ("bool", 2**62)],
)
def test_a_fill_that_its_view_does_not_hold_is_refused(dtype: str, value: float) -> None:
    honest = plan("w", "increment")
    fill = Fill(changed(shape=(1,), dtype=dtype), value)
    steps = (honest.steps[0], fill, honest.steps[2])
    told = refusal(with_plan(msgspec.structs.replace(honest, steps=steps)))
    try:
        torch.empty(1, dtype=getattr(torch, dtype)).fill_(value)
    except RuntimeError:
        assert told is not None
        assert told.status is Status.REJECTED
    else:
        assert told is None


LAUNCH = Launch(0, (1, 1, 1), (view(0, 64), view(1, 64), 64))


@pytest.mark.parametrize(
    "launch",
    [
        msgspec.structs.replace(LAUNCH, kernel=1),
        msgspec.structs.replace(LAUNCH, kernel=-1),
        msgspec.structs.replace(LAUNCH, grid=(0, 1, 1)),
        msgspec.structs.replace(LAUNCH, grid=(1, 65536, 1)),
        msgspec.structs.replace(LAUNCH, grid=(2**31, 1, 1)),
        msgspec.structs.replace(LAUNCH, grid=(1, 1, -5)),
        msgspec.structs.replace(LAUNCH, args=LAUNCH.args[:2]),
        msgspec.structs.replace(LAUNCH, args=(*LAUNCH.args, 1)),
        msgspec.structs.replace(LAUNCH, args=(0x7F0000000000, view(1, 64), 64)),
        msgspec.structs.replace(LAUNCH, args=(view(0, 64), view(1, 64), 2**32)),
        msgspec.structs.replace(LAUNCH, args=(view(0, 64), view(1, 64), 1.5)),
        msgspec.structs.replace(LAUNCH, args=(view(0, 64), view(1, 64), None)),
    ],
)
def test_launches_that_the_binary_does_not_take(launch: Launch) -> None:
    honest = plan("w", "increment")
    rejected(with_plan(msgspec.structs.replace(honest, steps=(honest.steps[0], launch))))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"parameters": ()}, "takes 0 arguments"),
        ({"parameters": ("i32", "i32", "i32")}, "takes a number"),
        ({"warps": 0}, "0 warps"),
        ({"warps": 64}, "64 warps"),
        ({"shared_bytes": -1}, "-1 bytes of shared"),
        ({"shared_bytes": 1 << 30}, "bytes of shared"),
        ({"scratch_bytes": 16}, "scratch"),
        ({"kernel": "another"}, "no binary"),
    ],
)
def test_binaries_that_nothing_could_launch(change: dict[str, Any], told: str) -> None:
    (binary,) = HONEST.binaries
    other = msgspec.structs.replace(HONEST, binaries=(msgspec.structs.replace(binary, **change),))
    assert told in rejected(other)


def test_workloads_inputs_and_aliases_must_be_as_captured() -> None:
    fault = refusal(HONEST, workloads=("w",))
    assert fault is not None
    assert "captures of ['w'] are expected" in fault.feedback
    assert "of workload t" in rejected(with_plan(plan("t", "increment")))
    honest = plan("w", "increment")
    twice = msgspec.structs.replace(honest, inputs=(view(0, 64), view(0, 64)))
    assert "buffers 0, 1" in rejected(with_plan(twice))
    again = msgspec.structs.replace(honest, steps=(Allocate(0, 256), *honest.steps))
    assert "there already" in rejected(with_plan(again))
    assert "no tensor" in rejected(HONEST, mutated=(1,))
    fault = refusal(with_plan(msgspec.structs.replace(honest, outputs=(view(0, 64),))))
    assert fault is not None
    assert (fault.status, fault.feedback) == (
        Status.WRONG,
        "workload w: output 0 shares memory with an input",
    )


def test_more_memory_than_there_is() -> None:
    honest = plan("w", "increment")
    huge = msgspec.structs.replace(honest, steps=(Allocate(2, 1 << 40), *honest.steps))
    fault = refusal(with_plan(huge))
    assert fault is not None
    assert fault.status is Status.OUT_OF_RESOURCES
    assert str(Layout.of(huge).size_bytes) in fault.feedback
