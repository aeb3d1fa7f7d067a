"""Whether an output is correct: held against a float64 reference, by the error of the reference's own dtype.

The rule: with `e` the error of the reference computed in the workload's dtype against the one in float64, an
output passes if its RMS error is at most `m * rms(e) + u eps * rms(expected)`, its largest error at most
`max_multiple * max(e) + 8 eps * max(expected)`, and the same as for the largest error holds for the RMS of
each row of at least 8 elements. `u` is 1 up to 16 bits and 4 beyond: GPUs divide and exponentiate float32 to
about two units in the last place each, and elements that are equal share their error, so that it does not
average out. The error of fewer than 8 elements may be 0 by luck; so for a whole output that small `e` is at
least what the float64 reference moves when its inputs do by one unit of float32 (Higham, "Accuracy and
Stability of Numerical Algorithms", 2002, section 1.5: good is what is right for inputs that near). Non-finite
elements must be the same ones. Integers, and tasks that say `exact`, must match bit for bit; where a task
says `off_by_one`, that share of an integer output's elements (rounded up) may be off by one.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch

from evo.task import Tolerance

MULTIPLE = 2.0
MULTIPLE_16_BIT = 3.0
ULPS_OF_RMS = 4.0
ULPS_OF_RMS_16_BIT = 1.0
ULPS_OF_LARGEST = 8.0
WORDS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
FEW = 8
"""Errors of fewer elements than these say nothing of how large errors are."""


def fault_of(
    output: torch.Tensor,
    exact: torch.Tensor,
    rounded: torch.Tensor,
    tolerance: Tolerance,
    moved: torch.Tensor | None = None,
) -> str | None:
    """Return what is wrong with an output, or None if it is correct.

    Args:
        output: what the candidate computed.
        exact: the reference in float64, of the same shape.
        rounded: the reference computed in the workload's own dtype; it fixes shape and dtype of the output.
        tolerance: the task's.
        moved: for fewer than `FEW` elements, how far each is from the exact one for inputs a unit away.
    """
    if output.shape != rounded.shape:
        return f"shape is {tuple(output.shape)}, must be {tuple(rounded.shape)}"
    if output.dtype != rounded.dtype:
        return f"dtype is {output.dtype}, must be {rounded.dtype}"
    if output.numel() == 0:
        return None
    if tolerance.exact or not rounded.is_floating_point():
        return _different_bits(output, rounded, tolerance.off_by_one)
    errors = Errors(_error(output, exact), _error(rounded, exact), exact)
    if not math.isfinite(_largest(errors.got) + _largest(errors.own)):  # nearly always it is
        wide = output.double()
        told = _different_specials(wide, exact, rounded.dtype)
        if told:
            return told
        errors = _of_finite(errors, wide)
    if moved is not None:
        errors = errors._replace(own=torch.maximum(errors.own.abs(), _numbers(moved)))
    return _too_far(errors, output, exact, tolerance)


def _different_bits(output: torch.Tensor, expected: torch.Tensor, off_by_one: float) -> str | None:
    """Return the first element whose bits differ, or None; integers may be off by one, up to a share."""
    wrong = words(output) != words(expected)
    wrong = wrong.any(dim=-1) if output.is_complex() else wrong
    if off_by_one and not expected.is_floating_point() and expected.dtype is not torch.bool:
        near = _off_by_one(output.long(), expected.long())
        if int(near.sum()) <= math.ceil(off_by_one * output.numel()):
            wrong &= ~near
    if not wrong.any():
        return None
    at = _index(int(wrong.reshape(-1).int().argmax()), output.shape)
    return (
        f"{int(wrong.sum())} of {output.numel()} elements differ; "
        f"first at {at}: got {output[at].item()}, expected {expected[at].item()}"
    )


def _off_by_one(output: torch.Tensor, expected: torch.Tensor) -> torch.Tensor:
    """Return which whole numbers are neighbours; the largest and the smallest of a type are none."""
    lower, upper = torch.minimum(output, expected), torch.maximum(output, expected)
    return (upper == lower + 1) & (upper > lower)


def words(tensor: torch.Tensor) -> torch.Tensor:
    """Return a tensor's elements as integers of the same bits; two for each of a complex one."""
    parts = torch.view_as_real(tensor) if tensor.is_complex() else tensor
    return parts.view(WORDS[parts.element_size()])


def _different_specials(output: torch.Tensor, exact: torch.Tensor, dtype: torch.dtype) -> str | None:
    """Return the first element that is NaN or infinite in one of the two only, or None."""
    # An expected value beyond the output's own range may round to infinity.
    expected = exact.to(dtype).double()
    same = (torch.isfinite(output) & torch.isfinite(expected)) | (output == expected)
    wrong = ~(same | (torch.isnan(output) & torch.isnan(expected)))
    if not wrong.any():
        return None
    at = _index(int(wrong.reshape(-1).int().argmax()), output.shape)
    return f"at {at}: got {output[at].item()}, expected {exact[at].item()}"


class Errors(NamedTuple):
    """Errors in float64, and what was expected.

    Attributes:
        got: the output's.
        own: those of the reference in the workload's dtype.
        wanted: the reference in float64.
    """

    got: torch.Tensor
    own: torch.Tensor
    wanted: torch.Tensor


def _too_far(errors: Errors, output: torch.Tensor, exact: torch.Tensor, tolerance: Tolerance) -> str | None:
    """Return which error is too large, and where, or None."""
    sixteen = output.element_size() <= 2
    multiple = tolerance.rms_multiple or (MULTIPLE_16_BIT if sixteen else MULTIPLE)
    units = ULPS_OF_RMS_16_BIT if sixteen else ULPS_OF_RMS
    eps = torch.finfo(output.dtype).eps
    got, own, wanted = map(_rms, errors)
    if got > (limit := multiple * own + units * eps * wanted):
        return f"RMS error is {got:.3g}, at most {limit:.3g} is accepted; {_worst(errors.got, output, exact)}"
    got, own, wanted = map(_largest, errors)
    if got > (limit := tolerance.max_multiple * own + ULPS_OF_LARGEST * eps * wanted):
        return f"largest error is {got:.3g}, at most {limit:.3g} is accepted; " + _worst(
            errors.got, output, exact
        )
    if output.dim() == 0 or output.shape[-1] < FEW:
        return None
    rows, owns, wants = map(_rms_of_rows, errors)
    limits = tolerance.max_multiple * owns + ULPS_OF_LARGEST * eps * wants
    if bool((rows > limits).any()):
        row = int((rows - limits).argmax())
        return f"row {row} has RMS error {float(rows[row]):.3g}, at most {float(limits[row]):.3g} is accepted"
    return None


def _error(values: torch.Tensor, exact: torch.Tensor) -> torch.Tensor:
    """Return how far values are from the exact ones, in float64."""
    return (values.double() if values.element_size() == 1 else values) - exact  # 8 bits are not promoted


def _of_finite(errors: Errors, output: torch.Tensor) -> Errors:
    """Return errors with none where what came out or was expected is not finite."""
    finite = torch.isfinite(errors.wanted) & torch.isfinite(output)
    got, own, wanted = (torch.where(finite, each, 0.0) for each in errors)
    return Errors(got, _numbers(own), wanted)


def _numbers(errors: torch.Tensor) -> torch.Tensor:
    """Return errors with none where there is no number."""
    return errors.nan_to_num(0.0, 0.0, 0.0)


def _rms(values: torch.Tensor) -> float:
    """Return the root mean square."""
    return float(torch.linalg.vector_norm(values)) / math.sqrt(values.numel())


def _largest(values: torch.Tensor) -> float:
    """Return the largest magnitude; NaN if an element is."""
    least, most = torch.aminmax(values)  # a norm of infinite order takes nine times as long on a CPU
    return float(torch.maximum(-least, most))


def _rms_of_rows(values: torch.Tensor) -> torch.Tensor:
    """Return the root mean square of each row."""
    rows = values.reshape(-1, values.shape[-1])
    norms: torch.Tensor = torch.linalg.vector_norm(rows, dim=-1)
    return norms / math.sqrt(rows.shape[-1])


def _worst(errors: torch.Tensor, output: torch.Tensor, exact: torch.Tensor) -> str:
    """Return the element with the largest error, for whoever repairs the kernel."""
    at = _index(int(errors.abs().reshape(-1).argmax()), output.shape)
    return f"worst at {at}: got {output[at].item()}, expected {exact[at].item()}"


def _index(flat: int, shape: torch.Size) -> tuple[int, ...]:
    """Return the index of an element from its place in row-major order."""
    index: list[int] = []
    for size in reversed(shape):
        flat, rest = divmod(flat, size)
        index.append(rest)
    return tuple(reversed(index))
