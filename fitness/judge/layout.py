"""Where the buffers of plans lie in a slot of the judge's memory; all other bytes of it are red zones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec

from fitness.plan import Allocate, Plan
from fitness.plan_check import buffer_sizes

ALIGNMENT = 1024
ZONE_BYTES = 64 << 10

Span = tuple[int, int]
"""Begin and end of bytes of a slot."""


class Layout(msgspec.Struct, frozen=True, kw_only=True):
    """Where the buffers of a plan lie in a slot.

    Attributes:
        starts: byte of the slot at which each buffer begins.
        sizes: bytes of each buffer, as the plan says.
        taken: where the slot holds a buffer, of this plan or of another one that it is shared with, in order.
        made: those of them that hold no input of any of these plans.
        size_bytes: bytes of the slot.
    """

    starts: dict[int, int]
    sizes: dict[int, int]
    taken: tuple[Span, ...]
    made: tuple[Span, ...]
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
        places = [_places(plan, size) for plan, size in zip(plans, sizes, strict=True)]
        starts: dict[Place, int] = {}
        at = 0
        for place in dict.fromkeys(place for each in places for place in each.values()):
            starts[place] = at + ZONE_BYTES
            at = aligned(starts[place] + place.size_bytes)
        spans = {place: (start, start + place.size_bytes) for place, start in starts.items()}
        return tuple(
            cls(
                starts={buffer: starts[place] for buffer, place in own.items()}, sizes=size,
                taken=tuple(spans.values()),
                made=tuple(span for place, span in spans.items() if not place.is_input),
                size_bytes=at + ZONE_BYTES,
            )
            for own, size in zip(places, sizes, strict=True)
        )  # fmt: skip

    def zones(self, slot_bytes: int) -> list[Span]:
        """Return each red zone of a slot of so many bytes: all of it that belongs to no buffer."""
        begins = [0, *(end for _, end in self.taken)]
        ends = [*(begin for begin, _ in self.taken), slot_bytes]
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


def _places(plan: Plan, sizes: dict[int, int]) -> dict[int, Place]:
    """Return the place of each buffer of a plan, in order of their numbers."""
    made = {step.buffer for step in plan.steps if isinstance(step, Allocate)}
    alike: Counter[Place] = Counter()
    places = {}
    for buffer in sorted(sizes):
        kind = Place(buffer not in made, 0, sizes[buffer])
        places[buffer] = msgspec.structs.replace(kind, number=alike[kind])
        alike[kind] += 1
    return places


def aligned(size: int) -> int:
    """Return the next multiple of the alignment."""
    return -(-size // ALIGNMENT) * ALIGNMENT
