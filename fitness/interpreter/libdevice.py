"""The device library's functions that kernels use most, in NumPy: Triton's interpreter has none of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

Array = NDArray[Any]


def _torch(function: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[Array], Array]:
    def apply(values: Array) -> Array:
        result: Array = function(torch.from_numpy(np.ascontiguousarray(values))).numpy()
        return result.reshape(np.shape(values))

    return apply


def _rsqrt(values: Array) -> Array:
    return (1 / np.sqrt(values)).astype(values.dtype)


FUNCTIONS: dict[str, Callable[..., Array]] = {
    "abs": np.abs, "fabs": np.abs, "floor": np.floor, "ceil": np.ceil, "trunc": np.trunc, "rint": np.rint,
    "nearbyint": np.rint, "sqrt": np.sqrt, "rsqrt": _rsqrt, "exp": np.exp, "exp2": np.exp2, "expm1": np.expm1,
    "log": np.log, "log2": np.log2, "log10": np.log10, "log1p": np.log1p, "sin": np.sin, "cos": np.cos,
    "tan": np.tan, "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan, "atan2": np.arctan2,
    "sinh": np.sinh, "cosh": np.cosh, "tanh": np.tanh, "asinh": np.arcsinh, "acosh": np.arccosh,
    "atanh": np.arctanh, "pow": np.power, "fmod": np.fmod, "hypot": np.hypot, "copysign": np.copysign,
    "fmin": np.fmin, "fmax": np.fmax, "cbrt": np.cbrt, "isnan": np.isnan, "isinf": np.isinf,
    "erf": _torch(torch.erf), "erfc": _torch(torch.erfc), "erfinv": _torch(torch.erfinv),
    "lgamma": _torch(torch.lgamma), "fast_expf": np.exp, "fast_logf": np.log, "fast_sinf": np.sin,
    "fast_cosf": np.cos, "fast_tanhf": np.tanh, "fast_dividef": np.divide, "div_rn": np.divide,
}  # fmt: skip


def function_of(symbol: str) -> Callable[..., Array] | None:
    """Return the function of a symbol such as `__nv_tanhf` or `__ocml_tanh_f32`, or None."""
    name = re.sub(r"^(__nv_|__ocml_|__triton_hip_)", "", symbol)
    name = re.sub(r"_f(16|32|64)$", "", name)
    return (
        FUNCTIONS.get(name) or FUNCTIONS.get(name.removesuffix("f")) or FUNCTIONS.get(name.removeprefix("i"))
    )
