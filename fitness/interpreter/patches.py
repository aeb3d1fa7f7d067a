"""What of Triton's interpreter is replaced while kernels run, each as a context that puts it back."""

from __future__ import annotations

import contextlib
import dataclasses
import types
from collections.abc import Callable, Iterator
from typing import Any

import triton.language as tl
import triton.language.extra.cuda.libdevice
import triton.language.extra.hip.libdevice
import triton.language.extra.libdevice
from triton.compiler import make_backend
from triton.runtime import interpreter

from fitness.devices import Device
from fitness.host import replaced, target_of
from fitness.interpreter.builder import Builder, Observer, is_narrow
from fitness.interpreter.reductions import combines_by_element, tree_reduce, tree_scan


@contextlib.contextmanager
def language() -> Iterator[None]:
    """Have `triton.language` mean the interpreter's operations, for kernels and Triton's library alike."""
    holder = types.FunctionType(_quick_or_slow.__code__, {"tl": tl, "core": tl.core})
    scope = interpreter._patch_lang(holder)
    # Triton 3.6 hands a one-element array to `int`, which newer NumPy refuses.
    scope.set_attr(tl.core.tensor, "__index__", lambda self: int(self.handle.data.item()))
    try:
        yield
    finally:
        scope.restore()


@contextlib.contextmanager
def observed_builder(device: Device, observer: Observer) -> Iterator[None]:
    """Make Triton's one builder ours, with the target's precisions of float32 products."""
    builder = interpreter.interpreter_builder
    target = make_backend(target_of(device)).parse_options({})
    before, kind = builder.options, type(builder)
    builder.__class__ = Builder
    builder.observer = observer
    builder.options = dataclasses.replace(
        before,
        default_dot_input_precision=target.default_dot_input_precision,
        allowed_dot_input_precisions=target.allowed_dot_input_precisions,
        sanitize_overflow=False,
    )
    try:
        yield
    finally:
        builder.__class__ = kind
        builder.options = before
        del builder.observer


@contextlib.contextmanager
def quick_reductions(observer: Observer) -> Iterator[None]:
    """Vectorise reductions and scans with a combine function of the kernel's own, and observe them all."""
    with contextlib.ExitStack() as stack:
        for owner, slow, quick in (
            (interpreter.ReduceOps, "generic_reduce", tree_reduce),
            (interpreter.ScanOps, "generic_scan", tree_scan),
        ):
            general = _quick_or_slow(owner.__dict__[slow], quick)
            apply = _observed(owner.__dict__["apply_impl"], general, observer)
            stack.enter_context(replaced(owner, slow, general))
            stack.enter_context(replaced(owner, "apply_impl", apply))
        yield


def _quick_or_slow(slow: Callable[..., Any], quick: Callable[..., Any]) -> Callable[..., Any]:
    """Return the quick form of a reduction, which gives way where blocks cannot be combined whole."""

    def reduce(self: Any, inputs: tuple[Any, ...]) -> Any:
        return slow(self, inputs) if combines_by_element(self.combine_fn) else quick(self, inputs)

    return reduce


def _observed(
    apply: Callable[..., Any], general: Callable[..., Any], observer: Observer
) -> Callable[..., Any]:
    """Return a reduction that tells the observer first; NumPy's own cannot take types kept as bits."""

    def observed(self: Any, inputs: tuple[Any, ...]) -> Any:
        shape = inputs[0].handle.data.shape
        whole = self.axis is None
        observer.reduce(
            inputs[0].handle.data.size,
            inputs[0].handle.data.size if whole else shape[self.axis],
            whole or self.axis in (-1, len(shape) - 1),
        )
        if any(is_narrow(each.dtype) for each in inputs):
            return general(self, inputs)
        return apply(self, inputs)

    return observed


@contextlib.contextmanager
def device_library(device: Device) -> Iterator[None]:
    """Have `libdevice` functions reach the builder; the generic module's are the target's."""
    extra = triton.language.extra
    target = extra.cuda.libdevice if device.backend == "cuda" else extra.hip.libdevice

    def bound(member: Any) -> Callable[..., Any]:
        def call(*args: Any, **_: Any) -> Any:
            return member(*args, _semantic=interpreter.interpreter_semantic)

        return call

    with contextlib.ExitStack() as stack:
        for library in (extra.cuda.libdevice, extra.hip.libdevice):
            for name, member in list(vars(library).items()):
                if tl.core.is_builtin(member):
                    stack.enter_context(replaced(library, name, bound(member)))
        for name in set(vars(extra.libdevice)) & set(vars(target)):
            if callable(vars(target)[name]) and not name.startswith("_"):
                stack.enter_context(replaced(extra.libdevice, name, vars(target)[name]))
        yield
