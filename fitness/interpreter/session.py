"""Kernel launches, interpreted: has Triton's interpreter run grids our way while a context is open.

Triton's own `GridExecutor` copies every storage before and after a launch, re-patches `triton.language` at
every call of a device function, and runs every program. Here a launch goes to a `Runner`, which decides what
programs to run; storages are used in place.
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
import triton.language as tl
from torch.utils._python_dispatch import _disable_current_modes
from triton.runtime import interpreter

from fitness.devices import Device
from fitness.host import replaced
from fitness.interpreter import patches
from fitness.interpreter.builder import Observer
from fitness.interpreter.loops import scalar_loops

MOST_GRID_DIMENSIONS = 3


class Storage(NamedTuple):
    """Memory that a launch may use.

    Attributes:
        address, size_bytes: where it lies.
        argument: name of the first kernel parameter that points into it.
    """

    address: int
    size_bytes: int
    argument: str


class Launch(NamedTuple):
    """One kernel launch.

    Attributes:
        kernel: name of the `@triton.jit` function.
        grid: programs along x, y and z.
        storages: memory behind its arguments.
        execute: runs the program with these indices.
    """

    kernel: str
    grid: tuple[int, int, int]
    storages: tuple[Storage, ...]
    execute: Callable[[int, int, int], None]


class Runner(Protocol):
    """Decides what to do with a launch, and observes what the programs do."""

    @property
    def observer(self) -> Observer:
        """What the builder tells of accesses and arithmetic."""

    def run(self, launch: Launch) -> None:
        """Run programs of a launch."""


@contextlib.contextmanager
def interpreting(device: Device, runner: Runner) -> Iterator[None]:
    """Send launches to a runner, with the target's precisions, until the context closes."""

    def run(self: Any, *args: Any, grid: Any, warmup: bool, **kwargs: Any) -> None:
        if not warmup:
            _launch(self, args, kwargs, grid, runner)

    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        return self.rewrite()(*args, **kwargs)

    with contextlib.ExitStack() as stack:
        stack.enter_context(patches.observed_builder(device, runner.observer))
        stack.enter_context(patches.quick_reductions(runner.observer))
        stack.enter_context(patches.device_library(device))
        stack.enter_context(scalar_loops())
        stack.enter_context(replaced(interpreter.InterpretedFunction, "run", run))
        stack.enter_context(replaced(interpreter.InterpretedFunction, "__call__", call))
        yield


def warm() -> None:
    """Rewrite the interpretable functions of Triton's own library once, so that forked children find them."""
    for member in list(vars(tl.standard).values()):
        if isinstance(member, interpreter.InterpretedFunction):
            member.rewrite()


def _launch(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], grid: Any, runner: Runner) -> None:
    """Bind the arguments of a launch and hand it to the runner."""
    rewritten = function.rewrite()
    known = {name: value for name, value in kwargs.items() if name in function.arg_names}
    for hook in function.pre_run_hooks:
        hook(*args, **known)
    bound = inspect.getcallargs(rewritten, *args, **known)
    dims = _grid(grid(bound) if callable(grid) else grid)
    constants = interpreter.GridExecutor(rewritten, function.arg_names, dims).constexprs
    with _disable_current_modes(), torch._C.DisableTorchFunction(), patches.language():
        storages = tuple(_storages(bound))
        values = {name: each if name in constants else _as_handle(each) for name, each in bound.items()}
        interpreter.interpreter_builder.set_grid_dim(*dims)

        def execute(x: int, y: int, z: int) -> None:
            interpreter.interpreter_builder.set_grid_idx(x, y, z)
            rewritten(**values)

        with np.errstate(all="ignore"):
            runner.run(Launch(function.__name__, dims, storages, execute))


def _grid(grid: Any) -> tuple[int, int, int]:
    """Return a grid with three dimensions.

    Raises:
        ValueError: no, too many, or negative dimensions.
    """
    dims = tuple(int(each) for each in (grid if isinstance(grid, tuple | list) else (grid,)))
    if not 1 <= len(dims) <= MOST_GRID_DIMENSIONS or min(dims) < 0:
        raise ValueError(f"a grid has 1 to 3 dimensions that are not negative, got {grid!r}")
    x, y, z = dims + (1,) * (MOST_GRID_DIMENSIONS - len(dims))
    return x, y, z


def _storages(bound: dict[str, Any]) -> Iterator[Storage]:
    """Yield each memory area behind the arguments once."""
    seen = set()
    pending = list(bound.items())
    while pending:
        name, value = pending.pop(0)
        if isinstance(value, tuple):
            pending = [(name, each) for each in value] + pending
        tensor = getattr(value, "base", value) if not isinstance(value, torch.Tensor) else value
        if isinstance(tensor, torch.Tensor):
            storage = tensor.untyped_storage()
            if storage.data_ptr() not in seen:
                seen.add(storage.data_ptr())
                yield Storage(storage.data_ptr(), storage.nbytes(), name)


def _as_handle(value: Any) -> Any:
    """Return a run-time argument as the interpreter wants it."""
    if isinstance(value, bool):
        return tl.core.tensor(interpreter.TensorHandle(np.array([value]), tl.int1), tl.int1)
    if isinstance(value, tuple) and type(value) is tuple:
        return tuple(_as_handle(each) for each in value)
    return interpreter._implicit_cvt(value)
