from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from evo.task import Tolerance
from fitness.comparison import fault_of

FLOATING = (torch.float32, torch.float16, torch.bfloat16)
PLAIN = Tolerance()
EXACT = Tolerance(exact=True)

seeds = st.integers(0, 2**32)
dtypes = st.sampled_from(FLOATING)
shapes = st.lists(st.integers(1, 40), min_size=0, max_size=3).map(tuple)


def softmaxes(shape: tuple[int, ...], dtype: torch.dtype, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return a reference in float64 and in its own dtype."""
    x = (torch.randn(shape, generator=torch.Generator().manual_seed(seed)) * 3).to(dtype)
    dim = -1 if shape else None
    return torch.softmax(x.double(), dim or 0), torch.softmax(x, dim or 0)


@given(shapes, dtypes, seeds)
@settings(max_examples=60, deadline=None)
def test_the_reference_passes(shape: tuple[int, ...], dtype: torch.dtype, seed: int) -> None:
    exact, own = softmaxes(shape, dtype, seed)
    assert fault_of(own, exact, own, PLAIN) is None
    assert fault_of(own, exact, own, EXACT) is None


@given(shapes, dtypes, seeds)
@settings(max_examples=60, deadline=None)
def test_the_float64_result_rounded_passes(shape: tuple[int, ...], dtype: torch.dtype, seed: int) -> None:
    exact, own = softmaxes(shape, dtype, seed)
    assert fault_of(exact.to(dtype), exact, own, PLAIN) is None


@given(st.integers(1, 30), st.integers(2, 200), dtypes, seeds)
@settings(max_examples=60, deadline=None)
def test_sums_in_another_order_pass(rows: int, cols: int, dtype: torch.dtype, seed: int) -> None:
    x = torch.randn(rows, cols, generator=torch.Generator().manual_seed(seed)).to(dtype)
    exact, own = x.double().sum(-1, keepdim=True), x.sum(-1, keepdim=True)
    other = x.float().flip(-1).cumsum(-1)[:, -1:].to(dtype)
    loose = (
        Tolerance(rms_multiple=20.0, max_multiple=40.0)
        if rows < 8
        else Tolerance(rms_multiple=8.0, max_multiple=40.0)
    )
    assert fault_of(other, exact, own, loose) is None


@given(shapes, dtypes, seeds)
@settings(max_examples=60, deadline=None)
def test_zeros_do_not_pass(shape: tuple[int, ...], dtype: torch.dtype, seed: int) -> None:
    exact, own = softmaxes(shape, dtype, seed)
    fault = fault_of(torch.zeros_like(own), exact, own, PLAIN)
    assert fault is not None
    assert "worst at" in fault


@given(st.integers(1, 20), st.integers(2, 300), dtypes, seeds, st.data())
@settings(max_examples=60, deadline=None)
def test_one_wrong_element_is_caught(
    rows: int, cols: int, dtype: torch.dtype, seed: int, data: st.DataObject
) -> None:
    exact, own = softmaxes((rows, cols), dtype, seed)
    at = (data.draw(st.integers(0, rows - 1)), data.draw(st.integers(0, cols - 1)))
    wrong = own.clone()
    wrong[at] = wrong[at].double() + 0.1 * float(exact.max())
    fault = fault_of(wrong, exact, own, PLAIN)
    assert fault is not None
    assert str(at) in fault


@pytest.mark.parametrize("dtype", FLOATING)
def test_a_wrong_row_of_tiny_magnitude_is_caught(dtype: torch.dtype) -> None:
    x = torch.randn(64, 128, generator=torch.Generator().manual_seed(0)).to(dtype)
    x[17] *= 2.0**-24 if dtype is torch.float32 else 2.0**-12
    exact, own = x.double() * 1.1, x * 1.1
    wrong = own.clone()
    wrong[17] = 0
    fault = fault_of(wrong, exact, own, PLAIN)
    assert fault is not None
    assert "row 17" in fault


def test_float32_computed_in_float16_is_caught() -> None:
    exact, own = softmaxes((16, 257), torch.float32, 1)
    assert fault_of(own.half().float(), exact, own, PLAIN) is not None
    x = torch.randn(16, 257, generator=torch.Generator().manual_seed(2))
    lowered = torch.softmax(x.half(), -1).float()
    assert fault_of(lowered, torch.softmax(x.double(), -1), torch.softmax(x, -1), PLAIN) is not None


@pytest.mark.parametrize(("dtype", "times"), [(torch.float32, 2), (torch.float16, 3), (torch.bfloat16, 3)])
def test_the_multiple_of_the_rms_error_is_wider_for_sixteen_bits(dtype: torch.dtype, times: float) -> None:
    exact = torch.full((4, 64), 1.0, dtype=torch.float64)
    # One reference error of 64 eps, which the output has `scale` times.
    error = 64 * torch.finfo(dtype).eps
    own = (exact + error).to(dtype)
    for scale, right in ((times * 0.9, True), (times * 1.2, False)):
        output = (exact + scale * error).to(dtype)
        assert (fault_of(output, exact, own, Tolerance(max_multiple=100.0)) is None) is right
    own_multiple = Tolerance(rms_multiple=10.0, max_multiple=100.0)
    assert fault_of((exact + 8 * error).to(dtype), exact, own, own_multiple) is None


@pytest.mark.parametrize(("units", "right"), [(2.6, True), (6.0, False)])
def test_errors_of_a_few_units_that_all_elements_share_are_not_refused(units: float, right: bool) -> None:
    # Rows of equal values, as of a softmax of zeros: one division's error is that of all of them.
    exact = torch.full((4, 4096), 1 / 1507, dtype=torch.float64)
    output = (exact * (1 + units * torch.finfo(torch.float32).eps)).float()
    assert (fault_of(output, exact, exact.float(), PLAIN) is None) is right


def test_few_elements_may_be_as_wrong_as_nearby_inputs_make_them() -> None:
    exact = torch.full((1,), 0.1, dtype=torch.float64)
    wrong = exact * (1 + 20 * torch.finfo(torch.float32).eps)
    assert fault_of(wrong.float(), exact, exact.float(), PLAIN) is not None
    assert fault_of(wrong.float(), exact, exact.float(), PLAIN, moved=wrong - exact) is None


def test_an_error_beyond_the_range_of_float64_is_caught() -> None:
    exact = torch.full((16,), -1e308, dtype=torch.float64)
    output = exact.clone()
    output[3] = 1e308
    assert fault_of(output, exact, exact.clone(), PLAIN) is not None


SPECIAL = [math.nan, math.inf, -math.inf, 0.5]


@pytest.mark.parametrize("dtype", FLOATING)
@pytest.mark.parametrize("expected", SPECIAL)
@pytest.mark.parametrize("got", SPECIAL)
def test_non_finite_elements_must_be_the_same_ones(dtype: torch.dtype, expected: float, got: float) -> None:
    exact = torch.full((3, 16), 0.5, dtype=torch.float64)
    exact[1, 3] = expected
    own = exact.to(dtype)
    output = own.clone()
    output[1, 3] = got
    fault = fault_of(output, exact, own, PLAIN)
    same = got == expected or (math.isnan(got) and math.isnan(expected))
    assert (fault is None) is same
    assert same or "(1, 3)" in str(fault)


def test_a_wrong_element_beside_an_infinite_one_is_caught() -> None:
    exact = torch.full((3, 16), 0.5, dtype=torch.float64)
    exact[1, 3] = math.inf
    own = exact.float()
    output = own.clone()
    output[1, 4] = 0.6
    assert "(1, 4)" in str(fault_of(output, exact, own, PLAIN))


def test_a_value_beyond_the_range_of_the_dtype_may_be_infinite() -> None:
    exact = torch.tensor([[1e6] + [1.0] * 15], dtype=torch.float64)
    own = exact.half()
    assert fault_of(own, exact, own, PLAIN) is None
    assert fault_of(own.nan_to_num(posinf=65504.0), exact, own, PLAIN) is not None


@pytest.mark.parametrize(
    ("expected", "got", "right"),
    [
        (0.0, 0.0, True), (0.0, -0.0, False), (math.inf, math.inf, True), (math.inf, -math.inf, False),
        (1.0, 1.0000001, False),
    ],
)  # fmt: skip
def test_exact_tasks_match_bit_for_bit(expected: float, got: float, right: bool) -> None:
    own = torch.full((2, 3), expected)
    output = own.clone()
    output[1, 2] = got
    fault = fault_of(output, own.double(), own, EXACT)
    assert (fault is None) is right
    assert right or "1 of 6 elements differ; first at (1, 2)" in str(fault)


def test_exact_tasks_tell_nans_apart_by_their_bits() -> None:
    own = torch.tensor([0x7FC00000, 0x7FC00001], dtype=torch.int32).view(torch.float32)
    assert fault_of(own.clone(), own.double(), own, EXACT) is None
    assert fault_of(own.flip(0), own.double(), own, EXACT) is not None


@pytest.mark.parametrize("dtype", [torch.int64, torch.int32, torch.int8, torch.uint8, torch.bool])
def test_integers_match_bit_for_bit(dtype: torch.dtype) -> None:
    own = torch.tensor([[1, 0, 1]], dtype=dtype)
    assert fault_of(own.clone(), own, own, PLAIN) is None
    assert "first at (0, 1)" in str(fault_of(torch.ones_like(own), own, own, PLAIN))


@pytest.mark.parametrize("dtype", [torch.int8, torch.uint8, torch.int32, torch.int64])
@pytest.mark.parametrize(("share", "numbers", "right"), [(0.01, 4, True), (0.01, 5, False), (0.0, 1, False)])
def test_rounded_numbers_may_be_off_by_one_here_and_there(
    dtype: torch.dtype, share: float, numbers: int, right: bool
) -> None:
    own = torch.arange(350, dtype=torch.int64).remainder(100).to(dtype)
    off = own.clone()
    off[100 : 100 + numbers] += 1
    assert (fault_of(off, own, own, Tolerance(off_by_one=share)) is None) is right
    off[:] = own
    off[7] += 2
    assert "differ; first at (7,)" in str(fault_of(off, own, own, Tolerance(off_by_one=share)))


@pytest.mark.parametrize("dtype", [torch.int8, torch.uint8])
def test_off_by_one_does_not_wrap_round(dtype: torch.dtype) -> None:
    limits = torch.iinfo(dtype)
    own = torch.full((200,), limits.max, dtype=dtype)
    off = own.clone()
    off[3] = limits.min
    assert fault_of(off, own, own, Tolerance(off_by_one=0.5)) is not None


@pytest.mark.parametrize("own", [torch.ones(200), torch.ones(200, dtype=torch.bool)])
def test_floats_and_booleans_are_never_off_by_one(own: torch.Tensor) -> None:
    off = own.clone()
    off[3] = 0
    assert fault_of(off, own.double(), own, Tolerance(off_by_one=0.5)) is not None


def test_shape_and_dtype_are_fixed() -> None:
    exact, own = softmaxes((4, 8), torch.float32, 0)
    assert "shape is (8, 4), must be (4, 8)" in str(fault_of(own.reshape(8, 4), exact, own, PLAIN))
    assert "dtype is torch.float64" in str(fault_of(exact, exact, own, PLAIN))
    assert "dtype" in str(fault_of(own.int(), exact, own, EXACT))


@pytest.mark.parametrize("shape", [(0,), (3, 0), (0, 5)])
@pytest.mark.parametrize("tolerance", [PLAIN, EXACT])
def test_empty_tensors_are_right_if_they_are_empty(shape: tuple[int, ...], tolerance: Tolerance) -> None:
    own = torch.empty(shape)
    assert fault_of(torch.empty(shape), own.double(), own, tolerance) is None
    assert fault_of(torch.empty((1, *shape)), own.double(), own, tolerance) is not None


@pytest.mark.parametrize("dtype", [*FLOATING, torch.float64, torch.float8_e5m2, torch.float8_e4m3fn])
def test_scalars_are_compared(dtype: torch.dtype) -> None:
    exact = torch.tensor(1.5, dtype=torch.float64)
    own = exact.to(dtype)
    assert fault_of(own.clone(), exact, own, PLAIN) is None
    assert "at ()" in str(fault_of(torch.tensor(0.25).to(dtype), exact, own, PLAIN))


def test_outputs_of_any_strides_are_compared() -> None:
    exact, own = softmaxes((6, 9), torch.float32, 3)
    turned = own.t().contiguous().t()
    assert turned.stride() == (1, 6)
    assert fault_of(turned, exact, own, PLAIN) is None
    assert fault_of(turned, exact, own, EXACT) is None
