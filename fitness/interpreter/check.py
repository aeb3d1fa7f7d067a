"""Runs check cases whole in the interpreter and collects what comes out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from numpy.typing import NDArray

from fitness.candidate_module import outputs_of
from fitness.devices import Device
from fitness.host import ALLOCATIONS, HostRecord, host_rules
from fitness.interpreter import hints
from fitness.interpreter.bounds import Bounds
from fitness.interpreter.builder import Mask, Observer
from fitness.interpreter.memory import contents, input_of, poison, storage_bytes
from fitness.interpreter.messages import CaseInput, CaseResult, CheckRequest, OutputData
from fitness.interpreter.session import Launch, interpreting


class NotPlain(TypeError):
    """An entry point returned something else than plain tensors."""


class WholeGrid:
    """Runs every program of each launch, the first grid dimension fastest, and guards its accesses."""

    def __init__(self) -> None:
        self.launches = 0
        self.bounds = Bounds("", ())

    @property
    def observer(self) -> Observer:
        """Itself."""
        return self

    def run(self, launch: Launch) -> None:
        """Run all programs."""
        self.launches += 1
        self.bounds = Bounds(launch.kernel, launch.storages)
        width, height, depth = launch.grid
        for z in range(depth):
            for y in range(height):
                for x in range(width):
                    launch.execute(x, y, z)

    def access(self, kind: str, addresses: NDArray[Any], mask: Mask, dtype: Any) -> bool:
        """Check the access's bounds; carry it out."""
        self.bounds.check(kind, addresses, mask, max(1, dtype.primitive_bitwidth // 8))
        return True

    def compute(self, *_operation: Any) -> None:
        """Nothing to note."""

    def multiply(self, *_operands: Any) -> bool:
        """Carry the product out."""
        return True

    def reduce(self, *_reduction: Any) -> None:
        """Nothing to note."""


def run_case(
    load: Callable[[], Callable[..., Any]],
    request: CheckRequest,
    inputs: tuple[CaseInput, ...],
    name: str,
    device: Device,
    record: Callable[[HostRecord], None],
) -> CaseResult:
    """Call the entry point once and return what came out.

    Fresh memory that the candidate asks for holds NaN (-1 for integers), so that unwritten outputs show.

    Args:
        load: returns the entry point, freshly loaded; called under the host's rules.
        request: what is being checked.
        inputs: the arguments.
        name: the case's.
        device: the make-believe device.
        record: is given the host record before any candidate code runs.

    Raises:
        Exception: whatever the candidate raises, `OutOfBounds`, `FalseHint`, `HostViolation`,
            `NotPlain`.
    """
    arguments = [input_of(value) for value in inputs]
    before = [storage_bytes(each) if isinstance(each, torch.Tensor) else b"" for each in arguments]
    runner = WholeGrid()

    def observe(operation: str, _args: Any, _kwargs: Any, result: Any) -> None:
        if operation in ALLOCATIONS:
            poison(result)

    with (
        interpreting(device, runner),
        hints.held_to(),
        host_rules(device, request.choice, "cpu", observe) as host,
    ):
        record(host)
        returned = load()(*arguments)
    outputs = plain_tensors(returned)
    tensors = {number: each for number, each in enumerate(arguments) if isinstance(each, torch.Tensor)}
    return CaseResult(
        case=name,
        outputs=tuple(
            OutputData(tensor=contents(each), aliases=_alias(each, tensors.items())) for each in outputs
        ),
        mutated=tuple(contents(tensors[number]) for number in request.mutates),
        changed=tuple(
            number
            for number, tensor in tensors.items()
            if number not in request.mutates and storage_bytes(tensor) != before[number]
        ),
        launches=runner.launches,
    )


def plain_tensors(returned: Any) -> tuple[torch.Tensor, ...]:
    """Return what an entry point returned as a tuple of strided tensors without lazy parts.

    Raises:
        NotPlain: something else was returned.
    """
    try:
        outputs = outputs_of(returned, lambda each: type(each) is torch.Tensor)
    except TypeError as error:
        raise NotPlain(str(error)) from error
    for output in outputs:
        if output.layout is not torch.strided or output.is_conj() or output.is_neg():
            raise NotPlain(f"an entry point returns strided tensors without lazy parts, got {output.layout}")
    return outputs


def _alias(output: torch.Tensor, inputs: Iterable[tuple[int, torch.Tensor]]) -> int | None:
    """Return the number of the input whose storage an output shares, or None."""
    address = output.untyped_storage().data_ptr()
    for number, tensor in inputs:
        if output.numel() and tensor.untyped_storage().data_ptr() == address:
            return number
    return None
