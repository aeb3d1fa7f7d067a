"""Traces a call of an entry point: a few programs of each launch, at the real shapes."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import torch

from fitness.costmodel.trace import BufferTraffic, Fill, LaunchTrace, Output
from fitness.devices import Device
from fitness.host import ALLOCATIONS, FILLED, FILLS_IN_PLACE, HostRecord, host_rules
from fitness.interpreter.builder import Observer
from fitness.interpreter.check import plain_tensors
from fitness.interpreter.counting import Counts
from fitness.interpreter.forwarding import Forwarding
from fitness.interpreter.memory import clear, input_of
from fitness.interpreter.messages import TraceRequest
from fitness.interpreter.sampling import at_most, sampled_programs
from fitness.interpreter.session import Launch, interpreting
from fitness.interpreter.sharing import Touched, differ, observe_sharing

ALONE = 8
"""If a pair's first program takes so many times the work allowed, the second one is not sampled either."""

SAMPLES_OF_IDLE = 128
"""Programs to sample where the first few wrote nothing: most of a grid may have nothing to do."""


class Tracer:
    """Runs sampled programs of each launch and keeps what they did.

    Attributes:
        launches: one trace a launch so far.
        fills: constant fills so far.
        outputs: where the result lies, once the entry point has returned.
    """

    def __init__(self, device: Device, request: TraceRequest) -> None:
        self.device = device
        self.request = request
        self.launches: list[LaunchTrace] = []
        self.fills: list[Fill] = []
        self.outputs: tuple[Output, ...] = ()
        self.forwarding = Forwarding()
        self._random = random.Random(request.seed)
        self._numbers: dict[int, int] = {}
        self._alive: list[torch.Tensor] = []

    @property
    def observer(self) -> Observer:
        """Whatever counts the programs that run right now."""
        return self.forwarding

    def call(self, load: Callable[[], Callable[..., Any]], record: Callable[[HostRecord], None]) -> None:
        """Call the entry point, loaded by `load` under the host's rules, on the request's inputs.

        Raises:
            Exception: whatever the candidate raises, `NotPlain`.
        """
        arguments = [input_of(value) for value in self.request.inputs]
        for argument in arguments:
            if isinstance(argument, torch.Tensor):
                self._number(argument.untyped_storage().data_ptr())
        with (
            interpreting(self.device, self),
            host_rules(self.device, self.request.choice, "cpu", self._allocated) as host,
        ):
            record(host)
            returned = load()(*arguments)
        mutated = [arguments[number] for number in self.request.mutates]
        self.outputs = self._placed([*mutated, *plain_tensors(returned)])

    def run(self, launch: Launch) -> None:
        """Sample programs of a launch, count what they do, and look at what neighbours share."""
        total = launch.grid[0] * launch.grid[1] * launch.grid[2]
        counts, touched = self._sampled(launch, self.request.samples)
        if not counts.wrote and len(touched) < min(total, SAMPLES_OF_IDLE):
            counts, touched = self._sampled(launch, SAMPLES_OF_IDLE)
        windows = observe_sharing(launch, self.device, self.forwarding, counts.first_loads, self._random)
        sampled = max(1, len(touched))
        self.launches.append(
            LaunchTrace(
                kernel=launch.kernel,
                grid=launch.grid,
                sampled=len(touched),
                buffers=tuple(self._traffic(counts, touched, windows, total)),
                lane_bytes=counts.totals["lane_sectors"] * self.device.sector_bytes / sampled,
                dots=counts.dots_each(sampled),
                **{name: counts.totals[name] / sampled for name in _MEANS},
            )
        )

    def _sampled(self, launch: Launch, samples: int) -> tuple[Counts, list[Touched]]:
        """Run so many programs of a launch, fewer if they take long; return what they did."""
        counts = Counts(self.device, launch.kernel, launch.storages)
        touched: list[Touched] = []
        self.forwarding.to = counts
        for program in sampled_programs(launch.grid, samples, self._random):
            counts.begin_program()
            launch.execute(*program)
            touched.append(counts.end_program())
            if counts.work > self.request.most_work * (ALONE if len(touched) % 2 else 1):
                break
        return counts, touched

    def _traffic(
        self, counts: Counts, touched: list[Touched], windows: Any, total: int
    ) -> list[BufferTraffic]:
        """Return the traffic of each buffer that the sampled programs used."""
        sampled = max(1, len(touched))
        rows = []
        for at in sorted({key[1] for key in counts.traffic}):
            storage = counts.bounds.storages[at] if at >= 0 else None
            size = storage.size_bytes if storage else sum(each.size_bytes for each in counts.bounds.storages)
            mean = {name: count / sampled for (name, where), count in counts.traffic.items() if where == at}
            programs = {kind: total if differ(touched, kind, at) else 1 for kind in ("load", "store")}
            unique = {
                kind: min(float(size), mean.get(f"{kind}_distinct", 0.0) * count)
                for kind, count in programs.items()
            }
            most = {
                kind: min(
                    float(size), at_most(counts.touched_bytes.get((kind, at), []), sampled, total) * count
                )
                for kind, count in programs.items()
            }
            window, die_window = windows.get(at, ((), ()))
            rows.append(
                BufferTraffic(
                    buffer=self._number(storage.address if storage else 0), size_bytes=size,
                    load_bytes=mean.get("load", 0.0), store_bytes=mean.get("store", 0.0),
                    load_sector_bytes=mean.get("load_sectors", 0.0),
                    store_sector_bytes=mean.get("store_sectors", 0.0),
                    load_distinct_bytes=mean.get("load_distinct", 0.0),
                    store_distinct_bytes=mean.get("store_distinct", 0.0),
                    load_pieces=mean.get("load_pieces", 0.0), store_pieces=mean.get("store_pieces", 0.0),
                    unique_load_bytes=unique["load"], unique_store_bytes=unique["store"],
                    most_load_bytes=most["load"], most_store_bytes=most["store"],
                    window=window, die_window=die_window,
                )
            )  # fmt: skip
        return rows

    def _placed(self, tensors: list[torch.Tensor]) -> tuple[Output, ...]:
        """Return which buffers the tensors lie in, and how much of each they are at most."""
        sizes: Counter[int] = Counter()
        for tensor in tensors:
            storage = tensor.untyped_storage()
            number = self._number(storage.data_ptr())
            sizes[number] = min(storage.nbytes(), sizes[number] + tensor.numel() * tensor.element_size())
        return tuple(Output(buffer=number, size_bytes=size) for number, size in sizes.items())

    def _number(self, address: int) -> int:
        """Return the number of the buffer at an address."""
        return self._numbers.setdefault(address, len(self._numbers))

    def _allocated(self, operation: str, _args: Any, _kwargs: Any, result: Any) -> None:
        """Keep what the host allocates alive (addresses tell buffers apart), and note what it fills."""
        if operation in ALLOCATIONS | FILLED:
            self._alive.append(result)
        if operation in ALLOCATIONS:
            clear(result)
        if operation in FILLED | FILLS_IN_PLACE:
            size = result.numel() * result.element_size()
            number = self._number(result.untyped_storage().data_ptr())
            self.fills.append(Fill(before=len(self.launches), size_bytes=size, buffer=number))


_MEANS = (
    "lane_lines", "lane_accesses", "block_elements", "loads", "stores", "atomics", "rounds", "repeats",
    "float_ops", "integer_ops", "special_ops", "reductions", "crossings", "reduced_elements",
)  # fmt: skip
