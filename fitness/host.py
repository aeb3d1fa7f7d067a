"""What a kernel's host code may do, and the make-believe GPU that it sees while it does it.

Host code may allocate, fill with constants, and take views that move no data. Everything else of torch that
moves or computes data is refused by name and remembered, so that catching the refusal does not help. Used
only inside a sandbox child, by the capture and by the interpreter.
"""

from __future__ import annotations

import contextlib
import inspect
import types
from collections.abc import Callable, Iterator
from typing import Any, Literal

import msgspec
import torch
import triton
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from triton.backends.compiler import GPUTarget
from triton.runtime.autotuner import Autotuner

from fitness.devices import Device

ALLOCATIONS = frozenset({"empty", "empty_like", "empty_strided", "new_empty", "new_empty_strided"})
FILLED = frozenset({
    "full", "full_like", "new_full", "zeros", "zeros_like", "new_zeros", "ones", "ones_like", "new_ones",
})  # fmt: skip
FILLS_IN_PLACE = frozenset({"fill_", "zero_"})
VIEWS = frozenset({
    "view", "_reshape_alias", "as_strided", "expand", "permute", "transpose", "t", "slice", "select",
    "squeeze", "unsqueeze", "detach", "alias", "split", "split_with_sizes", "unbind", "diagonal", "unfold",
    "view_as_real", "view_as_complex", "lift_fresh",
})  # fmt: skip
ALLOWED = ALLOCATIONS | FILLED | FILLS_IN_PLACE | VIEWS

Observer = Callable[[str, tuple[Any, ...], dict[str, Any], Any], None]


class HostViolation(Exception):
    """Host code asked torch to move or compute data."""


class HostRecord(msgspec.Struct):
    """What was noticed of the host code.

    Attributes:
        violations: names of the refused operations, in order, also those whose refusal was caught.
        trials: the most configurations that any autotuner would have timed.
    """

    violations: list[str] = []
    trials: int = 1


@contextlib.contextmanager
def host_rules(
    device: Device,
    choice: int,
    real_device: Literal["cpu", "fake"],
    observe: Observer | None = None,
    record: HostRecord | None = None,
) -> Iterator[HostRecord]:
    """Hold host code to the rules, on a make-believe device.

    Args:
        device: what `torch.cuda` and Triton's driver say the GPU is.
        choice: every autotuner picks its configuration of this number (its first where it has fewer).
        real_device: `fake` inside a `FakeTensorMode`; `cpu` makes CPU tensors look as if on `cuda:0`.
        observe: called with name, arguments and result of each allowed torch operation.
        record: where to note what is noticed; a new one is yielded if none is given.
    """
    record = record or HostRecord()
    with contextlib.ExitStack() as stack:
        stack.enter_context(_triton_driver(device, choice, record))
        stack.enter_context(_torch_cuda(device))
        if real_device == "cpu":
            stack.enter_context(CpuAsCuda())
        stack.enter_context(HostRules(record, observe))
        yield record


def target_of(device: Device) -> GPUTarget:
    """Return the device as Triton's compiler names it."""
    return GPUTarget(device.backend, device.triton_arch, device.warp_size)


class HostRules(TorchDispatchMode):
    """Refuses every operation that is not an allocation, a constant fill or a view."""

    def __init__(self, record: HostRecord, observe: Observer | None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.record = record
        self.observe = observe

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Run an allowed operation, or remember and refuse it."""
        name = func.overloadpacket.__name__
        queries = func.namespace == "prim" or name.startswith(("sym_", "is_"))
        allowed = func.namespace == "aten" and name in ALLOWED and func._overloadname != "Tensor_value"
        if name == "fill_" and len(args) > 1 and isinstance(args[1], torch.Tensor):
            allowed = False
        if not (allowed or queries):
            self.record.violations.append(str(func))
            raise HostViolation(
                f"host code may only allocate (empty*), fill with constants and take views that move no "
                f"data; {func} moves or computes data outside of Triton"
            )
        result = func(*args, **(kwargs or {}))
        if self.observe and not queries:
            self.observe(name, args, kwargs or {}, result)
        return result


class CpuAsCuda(TorchFunctionMode):
    """Makes CPU tensors look as if they were on `cuda:0`, and allocates there what is asked for on a GPU."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Answer questions about the device; send allocations to the CPU."""
        for name, answer in (("device", torch.device("cuda", 0)), ("is_cuda", True), ("is_cpu", False)):
            if func == inspect.getattr_static(torch.Tensor, name).__get__:
                return answer
        kwargs = dict(kwargs or {})
        if kwargs.get("device") is not None:
            kwargs["device"] = torch.device("cpu")
        return func(*args, **kwargs)


@contextlib.contextmanager
def replaced(owner: Any, name: str, value: Any) -> Iterator[None]:
    """Have attribute `name` of `owner` be `value` for a while."""
    before = owner.__dict__[name]
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)


@contextlib.contextmanager
def _triton_driver(device: Device, choice: int, record: HostRecord) -> Iterator[None]:
    """Have Triton see the device, and its autotuners run configuration `choice` without timing any."""
    limits = {"max_shared_mem": device.shared_bytes_per_program, "multiprocessor_count": device.units,
              "warpSize": device.warp_size, "max_num_regs": device.registers_per_thread,
              "sm_clock_rate": int(device.clock_hz / 1e3)}  # fmt: skip

    driver = types.SimpleNamespace(
        get_current_target=lambda: target_of(device),
        get_current_device=lambda: 0,
        get_current_stream=lambda _device: 0,
        get_active_torch_device=lambda: torch.device("cuda", 0),
        get_device_interface=lambda: torch.cuda,
        utils=types.SimpleNamespace(get_device_properties=lambda _device: dict(limits)),
    )
    config = triton.runtime.driver
    before = config._active
    config.set_active(driver)
    try:
        with replaced(Autotuner, "run", _run_chosen(choice, record)):
            yield
    finally:
        config._active = before


def _run_chosen(choice: int, record: HostRecord) -> Callable[..., Any]:
    """Return what stands in for `Autotuner.run`: as after tuning, with configuration `choice` as the best.

    Trials and what surrounds them (the hooks that reset or restore tensors) happen once in a kernel's life on
    a device; a plan is what happens in every call.
    """

    def run(tuner: Any, *args: Any, **kwargs: Any) -> Any:
        tuner.nargs = dict(zip(tuner.arg_names, args, strict=False))
        several = len(tuner.configs) > 1
        configs = list(tuner.prune_configs(kwargs)) if several else tuner.configs
        record.trials = max(record.trials, len(configs))
        best = configs[choice if choice < len(configs) else 0]
        tuner.best_config = best
        if best.pre_hook is not None:
            best.pre_hook({**tuner.nargs, **kwargs, **best.all_kwargs()})
        result = tuner.fn.run(*args, **kwargs, **best.all_kwargs())
        tuner.nargs = None
        return result

    return run


@contextlib.contextmanager
def _torch_cuda(device: Device) -> Iterator[None]:
    """Have `torch.cuda` answer from the device table."""
    properties = types.SimpleNamespace(
        name=device.product, multi_processor_count=device.units, warp_size=device.warp_size,
        total_memory=device.memory_bytes, gcnArchName=device.arch if device.backend == "hip" else "",
        max_threads_per_multi_processor=device.warps_per_simd * device.simds * device.warp_size,
        shared_memory_per_block_optin=device.shared_bytes_per_program, L2_cache_size=device.l2_bytes,
        major=9, minor=4 if device.backend == "hip" else 0,
    )  # fmt: skip
    answers = {
        "is_available": lambda: True,
        "device_count": lambda: 1,
        "current_device": lambda: 0,
        "get_device_name": lambda _device=None: device.product,
        "get_device_properties": lambda _device=None: properties,
        "get_device_capability": lambda _device=None: (properties.major, properties.minor),
        "synchronize": lambda _device=None: None,
        "device": lambda _device=None: contextlib.nullcontext(),
    }
    with contextlib.ExitStack() as stack:
        for name, answer in answers.items():
            stack.enter_context(replaced(torch.cuda, name, answer))
        if device.backend == "hip":
            stack.enter_context(replaced(torch.version, "hip", "7.0"))
        yield
