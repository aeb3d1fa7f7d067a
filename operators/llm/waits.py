"""Waits: how long to let an endpoint be after a try that failed."""

from __future__ import annotations

import email.utils
import math
import random
from collections.abc import Mapping

FIRST_SECONDS = 1.0
LONGEST_SECONDS = 60.0
"""The wait after the first try, before jitter, and where doubling ends."""


def wait_after(tries: int, key: int, asked: float | None = None) -> float:
    """Return the seconds to wait after so many tries: doubling, by half or more as the key draws.

    Where the endpoint asked for a wait, it is that one, longer by up to a first wait, so that callers who
    were all told the same come back one by one.
    """
    draw = random.Random(f"{key} {tries}").random()
    if asked is not None:
        return asked + draw * FIRST_SECONDS
    longest: float = min(FIRST_SECONDS * 2.0 ** min(tries - 1, 30), LONGEST_SECONDS)
    return longest * (1 + draw) / 2


def wait_asked(headers: Mapping[str, str], date: float) -> float | None:
    """Return the seconds that the headers ask to wait from `date`, seconds since the epoch; None if none.

    Retry-After holds seconds or a date (RFC 9110, 10.2.3); what cannot be read as either, or is past, asks
    for no wait.
    """
    told = headers.get("retry-after", "").strip()
    try:
        seconds = float(told)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(told).timestamp() - date
        except (ValueError, OverflowError):
            return None
    return seconds if 0 < seconds < math.inf else None
