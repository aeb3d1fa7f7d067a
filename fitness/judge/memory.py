"""The memory that plans run in: one arena that the judge lays out, poisons and fences with red zones.

A slot of the arena holds all buffers of one call. All other bytes of it are red zones, one before each buffer
and one after the last. They hold noise that only the judge can make again, so that nothing can be kept there
from call to call and put right before somebody looks. What a plan allocates is poisoned before every call.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import torch

from fitness.plan import Allocate, Plan, View
from fitness.plan_check import ITEM_BYTES, buffer_sizes

ALIGNMENT = 1024
ZONE_BYTES = 64 << 10
PIECE_BYTES = 64 << 20
"""Red zones are written and read in pieces, at most so long."""
POISONS = (0xFF, 0x7B)
"""Bytes that stand where nothing was written yet: all ones is NaN in every float."""


class Layout(msgspec.Struct, frozen=True, kw_only=True):
    """Where the buffers of a plan lie in a slot.

    Attributes:
        starts: byte of the slot at which each buffer begins.
        sizes: bytes of each buffer, as the plan says.
        made: the buffers that the plan allocates; the others are inputs.
        size_bytes: bytes of the slot.
    """

    starts: dict[int, int]
    sizes: dict[int, int]
    made: tuple[int, ...]
    size_bytes: int

    @classmethod
    def of(cls, plan: Plan) -> Layout:
        """Lay out a plan's buffers in order of their numbers, with a red zone before each and at the end."""
        sizes = buffer_sizes(plan)
        starts, at = {}, 0
        for buffer in sorted(sizes):
            starts[buffer] = at + ZONE_BYTES
            at = _up(starts[buffer] + sizes[buffer])
        made = tuple(step.buffer for step in plan.steps if isinstance(step, Allocate))
        return cls(starts=starts, sizes=sizes, made=made, size_bytes=at + ZONE_BYTES)

    def zones(self, slot_bytes: int) -> list[tuple[int, int]]:
        """Return begin and end of each red zone: all bytes of a slot, so long, that belong to no buffer."""
        zones, at = [], 0
        for buffer in sorted(self.starts):
            zones.append((at, self.starts[buffer]))
            at = self.starts[buffer] + self.sizes[buffer]
        return [*zones, (at, slot_bytes)]


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

    def slots(self, layouts: list[Layout], wanted: int, most_bytes: int) -> list[Slot]:
        """Return slots that any of the layouts fits, as many as wanted if memory allows, at least one.

        All slots that were handed out before are void.

        Raises:
            NoRoom: the memory cannot be had.
        """
        size = _up(max(layout.size_bytes for layout in layouts))
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

    def place(self, layout: Layout) -> Placed:
        """Lay a plan's buffers out here, fenced."""
        placed = Placed(layout, self._memory)
        placed.fence()
        return placed


class Placed:
    """The buffers of a plan in a slot."""

    def __init__(self, layout: Layout, memory: torch.Tensor) -> None:
        self._layout = layout
        self._memory = memory
        self._zones = layout.zones(memory.numel())
        self._seed = 0

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

    def fence(self) -> None:
        """Write new noise to the red zones."""
        self._seed = secrets.randbits(62)
        for begin, end in self._pieces():
            noise = self._noise(begin, end)
            self._memory[begin:end].copy_(noise)
            noise.zero_()

    def poison(self, pattern: int) -> None:
        """Overwrite all that the plan allocates."""
        for buffer in self._layout.made:
            self.bytes_of(buffer).fill_(pattern)

    def bytes_of(self, buffer: int) -> torch.Tensor:
        """Return a buffer's bytes."""
        start = self._layout.starts[buffer]
        return self._memory[start : start + self._layout.sizes[buffer]]

    def breach(self) -> str | None:
        """Return which red zone was written to, or None."""
        for begin, end in self._pieces():
            noise = self._noise(begin, end)
            wrong = self._memory[begin:end] != noise
            noise.zero_()
            if bool(wrong.any()):
                return self._where(begin + int(wrong.int().argmax()), int(wrong.sum()))
        return None

    def _pieces(self) -> Iterator[tuple[int, int]]:
        """Yield begin and end of the pieces of all red zones."""
        for begin, end in self._zones:
            for at in range(begin, end, PIECE_BYTES):
                yield at, min(end, at + PIECE_BYTES)

    def _noise(self, begin: int, end: int) -> torch.Tensor:
        """Return the bytes that belong to a piece of a red zone; no copy of them must be left lying about."""
        generator = torch.Generator(self.device).manual_seed(self._seed + begin)
        words = torch.randint(
            2**63 - 1, (-(-(end - begin) // 8),), dtype=torch.int64, device=self.device, generator=generator
        )
        return words.view(torch.uint8)[: end - begin]

    def _where(self, at: int, count: int) -> str:
        """Return in words where the first of so many overwritten bytes of a red zone lies."""
        buffers = sorted(self._layout.starts)
        before = max((each for each in buffers if self._layout.starts[each] <= at), default=None)
        if before is not None:
            end = self._layout.starts[before] + self._layout.sizes[before]
            place = f"{at - end} bytes after the end of buffer {before}"
        else:
            first = self._layout.starts[buffers[0]] if buffers else self._layout.size_bytes
            place = f"{first - at} bytes before the first"
        return f"{count} bytes were written outside of any buffer, first {place}"


def write(target: torch.Tensor, values: torch.Tensor) -> None:
    """Copy values to a strided view; elements that strides of 0 make one are written once."""
    once = tuple(
        slice(0, 1) if stride == 0 and size > 1 else slice(None)
        for size, stride in zip(target.shape, target.stride(), strict=True)
    )
    target[once].copy_(values[once])


def _up(size: int) -> int:
    """Return the next multiple of the alignment."""
    return -(-size // ALIGNMENT) * ALIGNMENT
