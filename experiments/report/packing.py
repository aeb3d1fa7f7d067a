"""Texts made small: lines that many of them share are written once, and all of it is deflated."""

from __future__ import annotations

import base64
import itertools
import zlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")
TOGETHER = 128
"""Candidates whose texts share one table of lines, and are inflated together when one is looked at."""

LONGEST = 200_000
"""Characters of a text that are kept."""

Runs = list[int]
"""A text as runs of the table's lines: where each begins and how many lines it has, one after the other."""


class Lines:
    """A table of lines, each there once.

    Attributes:
        table: the lines, in the order in which they were met.
    """

    def __init__(self) -> None:
        self.table: list[str] = []
        self._places: dict[str, int] = {}

    def runs(self, text: str) -> Runs:
        """Return a text as runs of lines, which joined by newlines are the text again."""
        kept = text if len(text) <= LONGEST else f"{text[:LONGEST]}\n… {len(text) - LONGEST} characters more"
        runs: Runs = []
        for line in kept.split("\n"):
            place = self._places.setdefault(line, len(self.table))
            if place == len(self.table):
                self.table.append(line)
            if runs and runs[-2] + runs[-1] == place:
                runs[-1] += 1
            else:
                runs += (place, 1)
        return runs


def packed(data: Any) -> str:
    """Return data as base64 of deflated JSON: no character of it means anything to HTML."""
    return base64.b64encode(zlib.compress(msgspec.json.encode(data), 9)).decode()


def filled(packages: Iterable[str], budget: int) -> Iterator[str]:
    """Yield packages for as long as all of them together stay within so many bytes."""
    for package in packages:
        budget -= len(package)
        if budget < 0:
            return
        yield package


def batches(items: Sequence[T], size: int = TOGETHER) -> Iterator[tuple[T, ...]]:
    """Yield the items in their order, so many at a time."""
    rest = iter(items)
    while batch := tuple(itertools.islice(rest, size)):
        yield batch
