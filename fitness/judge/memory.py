"""The memory that plans run in: one arena that the judge lays out, poisons and fences with red zones.

A slot of the arena holds all buffers of one call. Before each buffer and after the last lies a red zone of a
fixed pattern; what a plan allocates is poisoned before every call.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import torch

from fitness.plan import Allocate, Plan, View
from fitness.plan_check import ITEM_BYTES, buffer_sizes

ALIGNMENT = 1024
ZONE_BYTES = 64 << 10
ZONE_PATTERN = 0xA5
POISONS = (0xFF, 0x7B)
"""Bytes that stand where nothing was written yet: all ones is NaN in every float."""


class Layout(msgspec.Struct, frozen=True, kw_only=True):
    """Where the buffers of a plan lie in a slot.

    Attributes:
        starts: byte of the slot at which each buffer begins.
        sizes: bytes of each buffer, as the plan says.
        made: the buffers that the plan allocates; the others are inputs.
        taken: begin and end of each place in the slot that holds a buffer, of this plan or of another one
            that the slot is shared with, in order; all else is red zone.
        size_bytes: bytes of the slot.
    """

    starts: dict[int, int]
    sizes: dict[int, int]
    made: tuple[int, ...]
    taken: tuple[tuple[int, int], ...]
    size_bytes: int

    @classmethod
    def of(cls, plan: Plan) -> Layout:
        """Lay a plan's buffers out in order, with a red zone before each and at the end."""
        (layout,) = cls.shared([plan])
        return layout

    @classmethod
    def shared(cls, plans: Sequence[Plan]) -> tuple[Layout, ...]:
        """Lay plans out in one slot, such that what is alike in them stands at the same addresses.

        Where a buffer lies decides by some percent how fast it is reached, so kernels are compared on the
        same ones: inputs, and of what plans allocate the first, second, … of each size, share their places.
        """
        sizes = [buffer_sizes(plan) for plan in plans]
        made = [tuple(step.buffer for step in plan.steps if isinstance(step, Allocate)) for plan in plans]
        places = [_places(*each) for each in zip(sizes, made, strict=True)]
        starts: dict[Place, int] = {}
        at = 0
        for place in dict.fromkeys(place for each in places for place in each.values()):
            starts[place] = at + ZONE_BYTES
            at = _up(starts[place] + place.size_bytes)
        taken = tuple((start, start + place.size_bytes) for place, start in starts.items())
        return tuple(
            cls(
                starts={buffer: starts[place] for buffer, place in own.items()}, sizes=size, made=making,
                taken=taken, size_bytes=at + ZONE_BYTES,
            )
            for own, size, making in zip(places, sizes, made, strict=True)
        )  # fmt: skip

    def zones(self) -> list[tuple[int, int]]:
        """Return begin and end of each red zone: all bytes of the slot that belong to no buffer."""
        begins = [0, *(end for _, end in self.taken)]
        ends = [*(begin for begin, _ in self.taken), self.size_bytes]
        return list(zip(begins, ends, strict=True))


class Place(msgspec.Struct, frozen=True):
    """What buffers of plans that share a slot have in common if they lie at the same address.

    Attributes:
        is_input: whether they are inputs.
        number: the first, second, … input, or allocation of this size.
        size_bytes: their size.
    """

    is_input: bool
    number: int
    size_bytes: int


def _places(sizes: dict[int, int], made: Sequence[int]) -> dict[int, Place]:
    """Return the place of each buffer of a plan, in order of their numbers."""
    alike: Counter[Place] = Counter()
    places = {}
    for buffer in sorted(sizes):
        kind = Place(buffer not in made, 0, sizes[buffer])
        places[buffer] = msgspec.structs.replace(kind, number=alike[kind])
        alike[kind] += 1
    return places


SEGMENT_BYTES = 2 << 20
SMALLEST_BYTES = 32 << 20
"""torch's allocator gives allocations of these sizes segments of their own, with nothing else in them."""


class NoRoom(Exception):
    """The device has no memory left for a plan."""


class Arena:
    """Device memory for calls, in slots; it grows when a plan needs more, and starts out poisoned."""

    def __init__(self, device: torch.device, release: Callable[[], None]) -> None:
        """Allocate nothing yet; `release` gives memory back that no tensor uses."""
        self._device = device
        self._release = release
        self._bytes = torch.empty(0, dtype=torch.uint8)

    def slots(self, layouts: Sequence[Layout], wanted: int, most_bytes: int) -> list[Slot]:
        """Return equal slots that any of the layouts fits, as many as wanted if memory allows, at least one.

        All slots that were handed out before are void.

        Raises:
            NoRoom: the memory cannot be had.
        """
        size = _up(max(layout.size_bytes for layout in layouts))
        count = max(1, min(wanted, most_bytes // size))
        if self._bytes.numel() < size * count:
            self.free()
            self._release()
            self._bytes = self._allocated(max(SMALLEST_BYTES, size * count))
        self._bytes[: size * count].fill_(POISONS[0])
        return [Slot(self._bytes[size * number : size * (number + 1)]) for number in range(count)]

    def free(self) -> None:
        """Let go of the memory; works on a broken device too."""
        self._bytes = torch.empty(0, dtype=torch.uint8)

    def _allocated(self, size: int) -> torch.Tensor:
        """Return memory in whole segments.

        Raises:
            NoRoom: there is none.
        """
        whole = -(-size // SEGMENT_BYTES) * SEGMENT_BYTES
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
        placed = Placed(layout, self._memory[: layout.size_bytes])
        placed.fence()
        return placed


class Placed:
    """The buffers of a plan in a slot."""

    def __init__(self, layout: Layout, memory: torch.Tensor) -> None:
        self._layout = layout
        self._memory = memory

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
        """Write the pattern of the red zones."""
        for begin, end in self._layout.zones():
            self._memory[begin:end].fill_(ZONE_PATTERN)

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
        for begin, end in self._layout.zones():
            wrong = self._memory[begin:end] != ZONE_PATTERN
            if bool(wrong.any()):
                return self._where(begin + int(wrong.int().argmax()), int(wrong.sum()))
        return None

    def _where(self, at: int, count: int) -> str:
        """Return in words where the first of so many overwritten bytes of a red zone lies."""
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


def _up(size: int) -> int:
    """Return the next multiple of the alignment."""
    return -(-size // ALIGNMENT) * ALIGNMENT
