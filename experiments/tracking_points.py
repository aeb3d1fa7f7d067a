"""Points and artifacts: what a run in MLflow is made of."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping

import msgspec

KEY_LENGTH = 250


class Point(msgspec.Struct, frozen=True):
    """One value of a metric; always finite."""

    key: str
    step: int
    value: float


class Artifact(msgspec.Struct, frozen=True):
    """A text file of a run, by its path in the run."""

    path: str
    text: str


def finite(values: Mapping[str, float], step: int) -> Iterable[Point]:
    """Yield a point for each value that is finite, at this step."""
    for key, value in values.items():
        if math.isfinite(value):
            yield Point(key[:KEY_LENGTH], step, float(value))


def metric_key(text: str) -> str:
    """Return the text as one part of a metric's key: what MLflow does not allow there becomes its code point.

    Different texts give different keys. A dot marks what was replaced, so a dot is replaced too.
    """
    return re.sub(r"[^A-Za-z0-9_\- ]", lambda found: f".{ord(found[0]):x}.", text)
