"""Whether a plan that an untrusted process handed out can be one: each number is read, none believed."""

from __future__ import annotations

from collections.abc import Iterator

from fitness.plan import (
    LARGEST_PLAN_STEPS,
    MOST_ALTERNATIVES,
    Allocate,
    Argument,
    Captured,
    Fill,
    InputSpec,
    Launch,
    Plan,
    Step,
    TensorSpec,
    View,
)

ITEM_BYTES = {
    "bool": 1, "uint8": 1, "int8": 1, "int16": 2, "int32": 4, "int64": 8,
    "uint16": 2, "uint32": 4, "uint64": 8,
    "float8_e4m3fn": 1, "float8_e5m2": 1, "float8_e4m3fnuz": 1, "float8_e5m2fnuz": 1,
    "float16": 2, "bfloat16": 2, "float32": 4, "float64": 8, "complex64": 8, "complex128": 16,
}  # fmt: skip
LARGEST_GRID = (2**31 - 1, 65535, 65535)
MOST_DIMENSIONS = 64
LARGEST_SIZE = 2**48


def wrong_capture(captured: Captured, workload: str, inputs: tuple[InputSpec, ...]) -> str | None:
    """Return why a capture cannot be one of this workload with these inputs, or None."""
    if captured.workload != workload:
        return f"a capture of workload {workload} is expected, got one of {captured.workload}"
    if not 1 <= len(captured.alternatives) <= MOST_ALTERNATIVES:
        return f"1 to {MOST_ALTERNATIVES} alternatives are expected, got {len(captured.alternatives)}"
    choices = [plan.choice for plan in captured.alternatives]
    if choices != sorted(set(choices)) or choices[0] < 0 or choices[-1] >= MOST_ALTERNATIVES:
        return f"choices must go up from 0 to {MOST_ALTERNATIVES - 1}, got {choices}"
    expected = tuple(_arguments(inputs))
    for plan in captured.alternatives:
        if plan.workload != workload or plan.inputs != expected:
            return "the plan's workload or inputs are not those that were asked for"
        fault = malformed(plan)
        if fault:
            return fault
    return None


def malformed(plan: Plan) -> str | None:
    """Return what is impossible in a plan, or None: views outside of buffers, kernels that are not there."""
    if len(plan.steps) > LARGEST_PLAN_STEPS or len(plan.kernels) > LARGEST_PLAN_STEPS:
        return f"a plan has at most {LARGEST_PLAN_STEPS} steps and kernels, got {len(plan.steps)}"
    sizes: dict[int, int] = {}
    for each in plan.inputs:
        if isinstance(each, View):
            fault = _bad_view(each, None)
            if fault:
                return f"input: {fault}"
            sizes[each.buffer] = max(sizes.get(each.buffer, 0), span_bytes(each))
    for number, step in enumerate(plan.steps):
        fault = _bad_step(step, sizes, len(plan.kernels))
        if fault:
            return f"step {number}: {fault}"
        if isinstance(step, Allocate):
            sizes[step.buffer] = step.size_bytes
    faults = (_bad_view(each, sizes) for each in plan.outputs)
    return next((f"output: {fault}" for fault in faults if fault), None)


def buffer_sizes(plan: Plan) -> dict[int, int]:
    """Return the size in bytes of each buffer of a plan: inputs by what their view spans."""
    sizes = {step.buffer: step.size_bytes for step in plan.steps if isinstance(step, Allocate)}
    for each in plan.inputs:
        if isinstance(each, View):
            sizes[each.buffer] = max(sizes.get(each.buffer, 0), span_bytes(each))
    return sizes


def span_bytes(view: View) -> int:
    """Return the bytes from the start of the buffer to the end of a view."""
    if 0 in view.shape:
        return 0
    last = sum((size - 1) * stride for size, stride in zip(view.shape, view.stride, strict=True))
    return (view.offset + last + 1) * ITEM_BYTES[view.dtype]


def _arguments(inputs: tuple[InputSpec, ...]) -> Iterator[Argument]:
    """Yield the inputs as a plan must name them: tensors are views of buffers 0, 1, …"""
    buffer = 0
    for each in inputs:
        if isinstance(each, TensorSpec):
            yield View(buffer=buffer, offset=0, shape=each.shape, stride=each.stride, dtype=each.dtype)
            buffer += 1
        else:
            yield each


def _bad_step(step: Step, sizes: dict[int, int], kernels: int) -> str | None:
    """Return what is impossible in a step, given the sizes of the buffers made so far, or None."""
    match step:
        case Allocate(buffer, size):
            if buffer in sizes:
                return f"buffer {buffer} is there already"
            return None if buffer >= 0 <= size else f"buffer {buffer} cannot have {size} bytes"
        case Fill(view, _):
            return _bad_view(view, sizes)
        case Launch(kernel, grid, args):
            if not 0 <= kernel < kernels:
                return f"kernel number {kernel} is launched, the plan has {kernels}"
            if not all(1 <= size <= most for size, most in zip(grid, LARGEST_GRID, strict=True)):
                return f"a grid must be 1 to {LARGEST_GRID}, got {grid}"
            faults = (_bad_view(each, sizes) for each in args if isinstance(each, View))
            return next((fault for fault in faults if fault), None)


def _bad_view(view: View, sizes: dict[int, int] | None) -> str | None:
    """Return what is impossible in a view, or None; without sizes, it is what gives its buffer a size."""
    if view.dtype not in ITEM_BYTES:
        return f"dtype {view.dtype!r} is not known"
    if len(view.shape) != len(view.stride) or len(view.shape) > MOST_DIMENSIONS:
        return f"shape {view.shape} and strides {view.stride} do not go together"
    if min((view.offset, *view.shape, *view.stride)) < 0:
        return f"offset {view.offset}, shape {view.shape} and strides {view.stride} must not be negative"
    if max(view.shape, default=0) > LARGEST_SIZE:
        return f"no tensor has the shape {view.shape}"
    if sizes is None:
        return None
    if view.buffer not in sizes:
        return f"buffer {view.buffer} is neither an input nor allocated before"
    # A view of no elements begins somewhere too: the kernel gets that address.
    end = max(span_bytes(view), view.offset * ITEM_BYTES[view.dtype])
    if end > sizes[view.buffer]:
        return (
            f"a view of shape {view.shape}, strides {view.stride} and offset {view.offset} ends "
            f"{end} bytes into buffer {view.buffer} of {sizes[view.buffer]} bytes"
        )
    return None
