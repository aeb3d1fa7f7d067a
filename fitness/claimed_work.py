"""Whether the bytes and flops that a task claims of a workload can be: held against the reference's tensors.

They are floors: what any correct kernel must do. Too high, and honest kernels are taken for cheats; too low,
and they say nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode, mm_flop, sdpa_flop_count

from evo.task import Workload
from fitness.reference import Inputs

INDICES = (torch.int32, torch.int64)
LEAST_SHARE = 1 / 8
"""Of what torch counts of the reference's products, which leaves masks out: a causal one needs half."""
MOST_AN_ELEMENT = 32
"""Flops an element of any of the reference's operations; an exponential counts as a few."""


def wrong_bytes(
    workload: Workload, inputs: Inputs, changed: Sequence[int], outputs: Sequence[torch.Tensor]
) -> str | None:
    """Return why a kernel cannot need as few or as many bytes as the workload says, or None.

    At least all outputs are written and all inputs read; where indices or lengths are among the inputs, what
    is read of the others is theirs to say. At most each tensor is read and written once.

    Args:
        workload: what claims the bytes.
        inputs: its arguments.
        changed: which of them are changed in place, and so perhaps only written.
        outputs: what comes out, changed inputs included.
    """
    given = {place: each for place, each in enumerate(inputs) if isinstance(each, torch.Tensor)}
    indices = {place: each for place, each in given.items() if each.dtype in INDICES}
    read = indices or {place: each for place, each in given.items() if place not in changed}
    written = sum(each.nbytes for each in outputs)
    least = written + sum(each.nbytes for each in read.values())
    most = written + sum(each.nbytes for each in given.values())
    if least <= workload.bytes <= most:
        return None
    return (
        f"workload {workload.name}: bytes must be {least} to {most}, as its inputs and outputs hold, "
        f"got {workload.bytes}"
    )


def wrong_flops(workload: Workload, compute: Callable[[], Sequence[torch.Tensor]], exact: bool) -> str | None:
    """Return why a kernel cannot need as few or as many operations as the workload says, or None.

    Args:
        workload: what claims the flops.
        compute: runs the reference on its inputs.
        exact: whether the outputs are copies or whole numbers, which take no floating-point operation.
    """
    with FlopCounterMode(display=False, custom_mapping=UNCOUNTED) as products, Elements() as elements:
        outputs = compute()
    floating = not exact and any(each.is_floating_point() and each.numel() for each in outputs)
    counted = products.get_total_flops()
    least, most = (
        max(int(LEAST_SHARE * counted), int(floating)),
        2 * counted + MOST_AN_ELEMENT * elements.count,
    )
    if least <= workload.flops <= most:
        return None
    return (
        f"workload {workload.name}: flops must be {least} to {most}, by the reference's own operations, "
        f"got {workload.flops}"
    )


class Elements(TorchDispatchMode):
    """Counts the elements that torch's operations take or give, whichever are more; `count` is their sum."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.count = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Run an operation and count it."""
        result = func(*args, **(kwargs or {}))
        self.count += max(sum(_sizes(args)), sum(_sizes(result)))
        return result


def _sizes(value: Any) -> Iterator[int]:
    """Yield the elements of each tensor of an operation's arguments or results."""
    if isinstance(value, torch.Tensor):
        yield value.numel()
    elif isinstance(value, tuple | list):
        for each in value:
            yield from _sizes(each)


def _attention(query: Any, key: Any, value: Any, *_: Any, **__: Any) -> int:
    """Return the flops of an attention of these shapes."""
    return int(sdpa_flop_count(query, key, value))


UNCOUNTED = {
    torch.ops.aten._int_mm: mm_flop,
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: _attention,
}
"""Products that torch's own counter leaves out."""
