"""The memory that plans run in: one arena that the judge deals out in slots and fences with red zones.

A slot holds all buffers of one call. What plans allocate in it is poisoned before every call.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from fitness.judge.fence import Fence
from fitness.judge.layout import ALIGNMENT, Layout, aligned
from fitness.plan import View
from fitness.plan_check import ITEM_BYTES

POISONS = (0xFF, 0x7B)
"""Bytes that stand where nothing was written yet: all ones is NaN in every float."""
SEGMENT_BYTES = 2 << 20
SMALLEST_BYTES = 32 << 20
"""torch's allocator gives allocations of these sizes segments of their own, with nothing else in them."""


class NoRoom(Exception):
    """The device has no memory left for a plan."""


class Arena:
    """Device memory for calls, dealt out in slots to the last byte; it starts out poisoned."""

    def __init__(self, device: torch.device, release: Callable[[], None]) -> None:
        """Allocate nothing yet; `release` gives memory back that no tensor uses."""
        self._device = device
        self._release = release
        self._bytes = torch.empty(0, dtype=torch.uint8)

    def slots(self, layouts: Sequence[Layout], wanted: int, most_bytes: int) -> list[Slot]:
        """Return slots that any of the layouts fits, as many as wanted if memory allows, at least one.

        All slots that were handed out before are void.

        Raises:
            NoRoom: the memory cannot be had.
        """
        size = aligned(max(layout.size_bytes for layout in layouts))
        count = max(1, min(wanted, most_bytes // size))
        whole = self._whole(size * count)
        if self._bytes.numel() != whole:
            self.free()
            self._release()
            self._bytes = self._allocated(whole)
        self._bytes.fill_(POISONS[0])
        share = whole // count // ALIGNMENT * ALIGNMENT
        ends = [*(share * number for number in range(1, count)), whole]
        return [Slot(self._bytes[share * number : end]) for number, end in enumerate(ends)]

    def free(self) -> None:
        """Let go of the memory; works on a broken device too."""
        self._bytes = torch.empty(0, dtype=torch.uint8)

    def _whole(self, size: int) -> int:
        """Return the bytes to allocate for so many; on a GPU whole segments, which hold nothing else."""
        if self._device.type == "cpu":
            return size
        return -(-max(SMALLEST_BYTES, size) // SEGMENT_BYTES) * SEGMENT_BYTES

    def _allocated(self, whole: int) -> torch.Tensor:
        """Return so many bytes of memory.

        Raises:
            NoRoom: there is none.
        """
        try:
            return torch.empty(whole, dtype=torch.uint8, device=self._device)
        except torch.OutOfMemoryError as error:
            raise NoRoom(f"{whole} bytes of buffers: {error}") from error


class Slot:
    """The memory of one call."""

    def __init__(self, memory: torch.Tensor) -> None:
        self._memory = memory

    def place(self, layouts: Sequence[Layout]) -> list[Placed]:
        """Lay plans that share this slot out in it, behind one fence; `Layout.shared` made their layouts."""
        fence = Fence(self._memory, layouts[0].zones(self._memory.numel()))
        return [Placed(layout, self._memory, fence) for layout in layouts]


class Placed:
    """The buffers of a plan in a slot."""

    def __init__(self, layout: Layout, memory: torch.Tensor, fence: Fence) -> None:
        self._layout = layout
        self._memory = memory
        self._fence = fence

    @property
    def device(self) -> torch.device:
        """Where the memory is."""
        return self._memory.device

    def address(self, view: View) -> int:
        """Return where a view begins on the device."""
        start = self._layout.starts[view.buffer] + view.offset * ITEM_BYTES[view.dtype]
        return int(self._memory.data_ptr()) + start

    def tensor(self, view: View) -> torch.Tensor:
        """Return a view as a tensor on this memory."""
        dtype: Any = getattr(torch, view.dtype)
        start = self._layout.starts[view.buffer]
        elements = (
            self._memory[start:].view(dtype) if self._memory.numel() > start else self._memory[:0].view(dtype)
        )
        return torch.as_strided(elements, view.shape, view.stride, elements.storage_offset() + view.offset)

    def poison(self, pattern: int) -> None:
        """Overwrite all that is no input: what the plan allocates, and what others left in the slot."""
        for begin, end in self._layout.made:
            self._memory[begin:end].fill_(pattern)

    def bytes_of(self, buffer: int) -> torch.Tensor:
        """Return a buffer's bytes."""
        start = self._layout.starts[buffer]
        return self._memory[start : start + self._layout.sizes[buffer]]

    def breach(self) -> str | None:
        """Return which red zone was written to, or None."""
        told = self._fence.breach()
        if told is None:
            return None
        at, count = told
        ends = {buffer: start + self._layout.sizes[buffer] for buffer, start in self._layout.starts.items()}
        before = max((buffer for buffer in ends if ends[buffer] <= at), key=ends.__getitem__, default=None)
        first = min(self._layout.starts.values(), default=self._layout.size_bytes)
        place = (
            f"{first - at} bytes before the first" if before is None
            else f"{at - ends[before]} bytes after the end of buffer {before}"
        )  # fmt: skip
        return f"{count} bytes were written outside of any buffer, first {place}"


def write(target: torch.Tensor, values: torch.Tensor) -> None:
    """Copy values to a strided view; elements that strides of 0 make one are written once."""
    once = tuple(
        slice(0, 1) if stride == 0 and size > 1 else slice(None)
        for size, stride in zip(target.shape, target.stride(), strict=True)
    )
    target[once].copy_(values[once])
