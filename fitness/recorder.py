"""Writes down what host code does while it runs on fake tensors; used only inside the capture room."""

from __future__ import annotations

import contextlib
import operator
import types
from collections.abc import Iterator
from typing import Any

import torch
import triton.compiler
from triton._C.libtriton import ir
from triton.compiler import make_backend
from triton.compiler.errors import CompilationError

from fitness.candidate_module import text_of
from fitness.devices import Device
from fitness.host import FILLED, FILLS_IN_PLACE, replaced, target_of
from fitness.plan import (
    LARGEST_PLAN_STEPS,
    Allocate,
    Argument,
    Fill,
    KernelIR,
    Launch,
    Step,
    View,
)

OPTIONS = (
    "num_warps", "num_stages", "num_ctas", "maxnreg", "enable_fp_fusion", "launch_cooperative_grid",
    "waves_per_eu", "matrix_instr_nonkdim", "kpack", "schedule_hint", "allow_flush_denorm",
)  # fmt: skip


class UnsupportedHostCode(Exception):
    """Host code did something that a plan cannot hold."""


class FrontEndFault(Exception):
    """Triton could not make IR of a kernel."""


class Recorder:
    """Writes down buffers, allocations, fills and launches while an entry point runs.

    Attributes:
        device: the target.
        steps, kernels: what was written down.
        refusals: what a plan cannot hold, in order, also where host code caught the refusal.
    """

    def __init__(self, device: Device) -> None:
        self.device = device
        self.steps: list[Step] = []
        self.kernels: list[KernelIR] = []
        self.refusals: list[str] = []
        self._buffers: dict[int, int] = {}
        self._alive: list[torch.Tensor] = []

    def buffer(self, tensor: torch.Tensor) -> int:
        """Return the number of the buffer behind a tensor; a new one for storage not seen before."""
        storage = tensor.untyped_storage()._cdata
        if storage not in self._buffers:
            self._alive.append(tensor)
            self._buffers[storage] = len(self._buffers)
        return self._buffers[storage]

    def knows(self, tensor: torch.Tensor) -> bool:
        """Return whether the tensor's storage has been seen before."""
        return tensor.untyped_storage()._cdata in self._buffers

    def view(self, tensor: torch.Tensor) -> View:
        """Return a tensor as a view of its buffer.

        Raises:
            ValueError: the tensor is not on the GPU.
        """
        if tensor.device.type != "cuda":
            raise ValueError(f"kernels take and return tensors on the GPU, got one on {tensor.device}")
        return View(
            buffer=self.buffer(tensor),
            offset=int(tensor.storage_offset()),
            shape=tuple(map(int, tensor.shape)),
            stride=tuple(map(int, tensor.stride())),
            dtype=str(tensor.dtype).removeprefix("torch."),
        )

    def argument(self, value: Any) -> Argument:
        """Return a run-time argument of an entry point or a launch as data.

        Raises:
            UnsupportedHostCode: it is neither a tensor nor a number nor None.
        """
        base = getattr(value, "base", None)
        if isinstance(base, torch.Tensor) and type(value).__name__ == "TensorWrapper":
            value = base
        if isinstance(value, torch.Tensor):
            return self.view(value)
        if value is None or isinstance(value, bool | int | float):
            return value
        raise self.refusal(
            f"a launch takes tensors, numbers and None, got an argument of type {type(value).__name__}"
        )

    def refusal(self, reason: str) -> UnsupportedHostCode:
        """Return the exception that says why a plan cannot hold something, and remember the reason."""
        self.refusals.append(reason)
        return UnsupportedHostCode(reason)

    def address(self, tensor: torch.Tensor) -> int:
        """Return a made-up address: buffers are far apart and aligned, as the judge's will be at least."""
        return (self.buffer(tensor) + 1) * 2**40 + int(tensor.storage_offset()) * tensor.element_size()

    def add(self, step: Step) -> None:
        """Append a step.

        Raises:
            UnsupportedHostCode: the plan would be longer than any that is accepted.
        """
        if len(self.steps) >= LARGEST_PLAN_STEPS:
            raise self.refusal(f"a plan holds at most {LARGEST_PLAN_STEPS} steps, got more")
        self.steps.append(step)

    def observe(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
        """Write down an allocation or a fill that host code made through torch; views need no step."""
        if not isinstance(result, torch.Tensor) or result.device.type != "cuda":
            return
        if not self.knows(result):
            number = self.buffer(result)
            self.add(Allocate(buffer=number, size_bytes=int(result.untyped_storage().nbytes())))
        if name in FILLED or name in FILLS_IN_PLACE:
            self.add(Fill(view=self.view(result), value=self._fill_value(name, args, kwargs)))

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Stand in for Triton's compiler and launcher for a while."""
        with replaced(triton.compiler, "compile", self._front_end):
            yield

    def _front_end(self, source: Any, target: Any = None, options: Any = None, **_: Any) -> Any:
        """Stand in for `triton.compile`: AST to Triton IR and no further. Returns what a launch needs.

        Raises:
            CompilationError: the front end's own, with its place in the source.
            FrontEndFault: whatever else stops the front end.
        """
        if any("tensordesc" in str(kind) for kind in source.signature.values()):
            raise self.refusal("a launch takes tensors, numbers and None, got a TensorDescriptor")
        try:
            ir_text, options_told = self._triton_ir(source, target, dict(options or {}))
        except CompilationError:
            raise
        except Exception as error:
            raise FrontEndFault(f"{source.fn.__name__}: {type(error).__name__}: {text_of(error)}") from error
        if any(len(path) > 1 for path in source.constants):
            raise self.refusal("a launch takes tensors, numbers and None, got a tuple of them")
        number = len(self.kernels)
        self.kernels.append(KernelIR(name=source.fn.__name__, ttir=ir_text, options=options_told))
        constant = {path[0] for path in source.constants}

        def launch(x: Any, y: Any, z: Any, *rest: Any) -> None:
            arguments = rest[6:]  # after stream, function, packed metadata, launch metadata and two hooks
            runtime = tuple(
                self.argument(each) for index, each in enumerate(arguments) if index not in constant
            )
            self._launch(number, (operator.index(x), operator.index(y), operator.index(z)), runtime)

        return types.SimpleNamespace(
            function=None, packed_metadata=None, launch_metadata=lambda *_: None, run=launch
        )

    def _triton_ir(self, source: Any, target: Any, options: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        """Return the Triton IR of a kernel and the options that shape what is made of it."""
        backend = make_backend(target_of(self.device))
        parsed = backend.parse_options(options)
        context = ir.context()
        ir.load_dialects(context)
        backend.load_dialects(context)
        functions = backend.get_codegen_implementation(parsed)
        module = source.make_ir(target, parsed, functions, backend.get_module_map(), context)
        stages: dict[str, Any] = {}
        backend.add_stages(stages, parsed, source.language)
        module = stages["ttir"](module, {})
        told = {name: getattr(parsed, name) for name in OPTIONS if hasattr(parsed, name)}
        return module.str_nodebug(), told

    def _launch(self, kernel: int, grid: tuple[int, int, int], arguments: tuple[Argument, ...]) -> None:
        """Write a launch down; one of no programs does nothing, on a device as here.

        Raises:
            ValueError: a negative grid.
        """
        if min(grid) < 0:
            raise ValueError(f"a grid has no negative dimension, got {grid}")
        if min(grid) > 0:
            self.add(Launch(kernel, grid, arguments))

    def _fill_value(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool | int | float:
        """Return the constant that a torch fill writes.

        Raises:
            UnsupportedHostCode: it is not a number.
        """
        if name.startswith(("zero", "new_zero")):
            return 0
        if name.startswith(("one", "new_one")):
            return 1
        place = {"fill_": 1, "new_full": 2}.get(name, 1)
        value = kwargs["fill_value"] if "fill_value" in kwargs else args[place]
        if not isinstance(value, bool | int | float):
            raise self.refusal(f"a fill takes a number, got {type(value).__name__}")
        return value
