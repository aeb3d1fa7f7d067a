"""What programs that run at the same time load together.

Neighbouring programs often load the same tiles (of a product, say), and the caches then fetch them once. To
see how often, consecutive programs are followed up to their first loads of each buffer only: that is mostly a
millisecond each, and tells how many distinct sectors a window of programs wants in one step of its work.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import numpy as np

from fitness.costmodel.access import Addresses, covered, merge
from fitness.costmodel.trace import Window
from fitness.devices import Device
from fitness.interpreter.counting import Counts, PrefixDone
from fitness.interpreter.forwarding import Forwarding
from fitness.interpreter.session import Launch

Loaded = dict[int, tuple[Addresses, Addresses]]
Touched = dict[tuple[str, int], tuple[Addresses, Addresses]]

LARGEST_WINDOW = 96
MOST_LOADS = 96
"""A buffer that programs come to after more loads only (a bias, say) is taken for one that nobody shares."""
MOST_WORK = 200_000_000
"""Work to follow programs, in `Counts.work`; once that much is done, the window is not made longer."""
NEIGHBOURS = (1, 2, 4, 8, 16, 32, 64)
WINDOWS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96)


def observe_sharing(
    launch: Launch, device: Device, forwarding: Forwarding, first_loads: Mapping[int, int], rng: random.Random
) -> dict[int, tuple[Window, Window]]:
    """Return by storage how many times one program's loads a window of programs needs.

    For each storage: windows of consecutive programs, and windows of programs on one die, where programs are
    dealt to the dies in turn. A storage of which neighbours share nothing is left out.

    Args:
        launch: the launch.
        device: the target.
        forwarding: where programs are observed.
        first_loads: with which of its loads a program first comes to each storage, by the sampled programs.
        rng: draws where the window begins.
    """
    total = launch.grid[0] * launch.grid[1] * launch.grid[2]
    loads = max((each for each in first_loads.values() if each <= MOST_LOADS), default=0)
    if total < 2 or not loads:
        return {}
    start = rng.randrange(max(1, total - LARGEST_WINDOW + 1))
    neighbours = sorted({start, start + launch.grid[0], *(start + each for each in NEIGHBOURS)})
    prefixes = Prefixes(launch, device, forwarding, loads)
    seen = [prefixes.of(each) for each in neighbours if each < total]
    shared = {at for at in _storages(seen) if _shares([each.get(at) for each in seen])}
    if not shared:
        return {}
    window: list[Loaded] = []
    for program in range(start, min(start + LARGEST_WINDOW, total)):
        if prefixes.work > MOST_WORK and len(window) > device.dies:
            break
        window.append(prefixes.of(program))
    return {
        at: (_window(window, at), _window(window[:: device.dies], at) if device.dies > 1 else ())
        for at in sorted(shared)
    }


def differ(touched: list[Touched], kind: str, at: int) -> bool:
    """Return whether the sampled programs touch different sectors of a storage."""
    ranges = [each[kind, at] for each in touched if (kind, at) in each]
    if len(ranges) < 2:
        return True
    first, last = ranges[0]
    return any(not (np.array_equal(first, a) and np.array_equal(last, b)) for a, b in ranges[1:])


class Prefixes:
    """Follows programs through their first loads, each once; `work` adds up what that cost."""

    def __init__(self, launch: Launch, device: Device, forwarding: Forwarding, loads: int) -> None:
        self.work = 0
        self._launch = launch
        self._device = device
        self._forwarding = forwarding
        self._loads = loads
        self._known: dict[int, Loaded] = {}

    def of(self, program: int) -> Loaded:
        """Return the sectors that a program's first loads touch, by storage."""
        if program not in self._known:
            self._known[program] = self._follow(program)
        return self._known[program]

    def _follow(self, program: int) -> Loaded:
        counts = Counts(self._device, self._launch.kernel, self._launch.storages)
        counts.stop_after = self._loads
        counts.begin_program()
        before, self._forwarding.to = self._forwarding.to, counts
        width, height = self._launch.grid[0], self._launch.grid[1]
        try:
            self._launch.execute(program % width, program // width % height, program // (width * height))
        except PrefixDone:
            pass
        finally:
            self._forwarding.to = before
        self.work += counts.work
        return {at: ranges for (kind, at), ranges in counts.end_program().items() if kind == "load"}


def _storages(seen: Any) -> set[int]:
    """Return the storages that any of the programs load from."""
    return {at for each in seen for at in each}


def _shares(ranges: list[Any]) -> bool:
    """Return whether any two programs load the same sectors."""
    present = [each for each in ranges if each is not None]
    return _union(present) < sum(covered(*each) for each in present) if present else False


def _union(ranges: list[Any]) -> int:
    """Return how many distinct sectors there are."""
    return covered(*merge(np.concatenate([r[0] for r in ranges]), np.concatenate([r[1] for r in ranges])))


def _window(prefixes: list[Loaded], at: int) -> Window:
    """Return for growing windows how many times one program's sectors they hold."""
    mean = np.mean([covered(*each[at]) for each in prefixes if at in each] or [1])
    observed = []
    for size in (*(each for each in WINDOWS if each < len(prefixes)), len(prefixes)):
        ranges = [each[at] for each in prefixes[:size] if at in each]
        observed.append((size, float(_union(ranges) / mean) if ranges else 1.0))
    return tuple(observed)
