"""Directions: where a model is sent to look for a strategy, so that siblings do not all look in one place."""

from __future__ import annotations

import random
from collections.abc import Collection

import msgspec

from evo.evaluation import Bound

FITTING = 3
"""How many times as often a direction is drawn that fits what limits the kernel."""


class Direction(msgspec.Struct, frozen=True):
    """Where to look.

    Attributes:
        text: the direction, as the prompt tells it.
        bounds: what limits the kernels that it is likeliest to help.
    """

    text: str
    bounds: frozenset[Bound]


MEMORY, COMPUTE, LATENCY, OVERHEAD = Bound.MEMORY, Bound.COMPUTE, Bound.LATENCY, Bound.OVERHEAD

DIRECTIONS = (
    Direction(
        "move fewer bytes: read every input once, keep what is used again in registers, write outputs once",
        frozenset({MEMORY}),
    ),
    Direction(
        "access memory better: contiguous and wide accesses for each warp, aligned, without masks where none "
        "is needed",
        frozenset({MEMORY}),
    ),
    Direction(
        "another order of the programs, so that those that run at once share what the caches hold",
        frozenset({MEMORY, COMPUTE}),
    ),
    Direction(
        "more work for each program: several rows or tiles, larger blocks, what is constant computed once",
        frozenset({LATENCY, OVERHEAD}),
    ),
    Direction(
        "more programs: split the long axis, so that small batches fill all units too",
        frozenset({LATENCY, COMPUTE}),
    ),
    Direction(
        "more loads under way: loads issued early, independent chains, pipelined loops (num_stages)",
        frozenset({LATENCY, MEMORY}),
    ),
    Direction(
        "persistent programs: as many as the device holds, each walking over tiles",
        frozenset({OVERHEAD, LATENCY}),
    ),
    Direction(
        "another algorithm: fewer passes, online or one-pass forms, work that need not be done left out",
        frozenset({MEMORY, COMPUTE, LATENCY}),
    ),
    Direction(
        "cheaper arithmetic: base-2 exponentials, products in place of divisions, fewer conversions",
        frozenset({COMPUTE}),
    ),
    Direction(
        "matrix units: tl.dot with block sizes that they take, operands in their own narrow dtype",
        frozenset({COMPUTE}),
    ),
    Direction(
        "higher occupancy: fewer registers and less shared memory for each program, another num_warps",
        frozenset({LATENCY, COMPUTE}),
    ),
    Direction(
        "fewer launches: what several kernels do fused into one, host code cut to what is needed",
        frozenset({OVERHEAD}),
    ),
    Direction(
        "less decided at run time: sizes as constexpr, a path for exact multiples beside the general one",
        frozenset({OVERHEAD, MEMORY, COMPUTE}),
    ),
)


def direction(rng: random.Random, bounds: Collection[Bound] = ()) -> str:
    """Return a direction, drawn from `rng`; likelier one that helps kernels that are limited so."""
    fits = [FITTING if each.bounds.intersection(bounds) else 1 for each in DIRECTIONS]
    return rng.choices(DIRECTIONS, fits)[0].text
