"""The device as the judge uses it: torch for memory and references, the vendor's driver for launches."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Protocol

import torch

from fitness.devices import device_for
from fitness.judge.driver import Driver, Packed
from fitness.judge.messages import Fingerprint, Telemetry
from fitness.judge.telemetry import Monitor, monitor_of
from fitness.messages import Binary
from fitness.packages import version_of

KEPT_FREE = 2 << 30
"""Device memory that is left to the reference, in bytes."""


class Kernel(Protocol):
    """A loaded binary."""

    def launch(self, grid: tuple[int, int, int], packed: Packed) -> None:
        """Enqueue a launch."""


class Clock(Protocol):
    """Marks two moments of the device's own time."""

    def start(self) -> None:
        """Mark the first moment, after all work enqueued so far."""

    def stop(self) -> None:
        """Mark the second."""

    def milliseconds(self) -> float:
        """Return the time between the two; waits until both have passed."""


class Machine(Protocol):
    """What the judge needs of a device."""

    @property
    def device(self) -> torch.device:
        """Where tensors live."""

    @property
    def fingerprint(self) -> Fingerprint:
        """What device it is."""

    def load(self, binary: Binary) -> Kernel:
        """Return a binary ready to be launched; the same binary is loaded once."""

    def forget(self) -> None:
        """Unload all binaries."""

    def release(self) -> None:
        """Give back all memory that no tensor uses, whatever it holds."""

    def clock(self) -> Clock:
        """Return a new clock."""

    def flush(self) -> None:
        """Enqueue what leaves nothing of before in the last-level cache."""

    def is_flushed_evenly(self) -> bool:
        """Return whether nobody else wrote to what is written to flush the cache: it outlives calls."""

    def wait(self) -> None:
        """Wait until all work that was enqueued is done; raise what the device says of it."""

    def delay(self, microseconds: float) -> None:
        """Enqueue idle time, so that what is enqueued next is all there when the device comes to it."""

    def memory_bytes(self) -> int:
        """Return how much device memory plans may use now."""

    def telemetry(self) -> Telemetry:
        """Return what the device says of itself."""


class Gpu:
    """A CUDA or ROCm device through torch and the vendor's driver library."""

    def __init__(self, name: str) -> None:
        """Take a device, such as `cuda:0` or `rocm:1`.

        Raises:
            RuntimeError: torch cannot drive it.
            OSError: the driver's library is not there.
            TargetError: the device table does not have it.
        """
        index = int(name.partition(":")[2])
        self._device = torch.device("cuda", index)
        torch.cuda.set_device(self._device)
        torch.zeros(1, device=self._device)  # makes the context that binaries are loaded into
        self._fingerprint = fingerprint_of(index)
        self._stream = torch.cuda.current_stream(self._device)
        self._driver = Driver(self._fingerprint.backend)
        self._lanes = int(torch.cuda.get_device_properties(index).warp_size)
        self._loaded: dict[str, LoadedKernel] = {}
        self._monitor: Monitor | None = monitor_of(self._fingerprint)
        row = device_for(self._fingerprint.arch)
        self._cycles_per_us = row.clock_hz / 1e6  # of the highest clock: a lower one makes delays longer
        self.release()  # so that the buffer gets a segment of its own
        self._flush = torch.zeros(row.flush_bytes // 4, dtype=torch.int32, device=self._device)

    @property
    def device(self) -> torch.device:
        """Where tensors live."""
        return self._device

    @property
    def fingerprint(self) -> Fingerprint:
        """What device it is."""
        return self._fingerprint

    def load(self, binary: Binary) -> LoadedKernel:
        """Return a binary ready to be launched.

        Raises:
            DriverError: the device cannot hold it.
        """
        if binary.kernel not in self._loaded:
            stream = self._stream.cuda_stream
            self._loaded[binary.kernel] = LoadedKernel(self._driver, binary, self._lanes, stream)
        return self._loaded[binary.kernel]

    def forget(self) -> None:
        """Unload all binaries.

        Raises:
            DriverError: an earlier launch has failed.
        """
        while self._loaded:
            self._loaded.popitem()[1].close()

    def release(self) -> None:
        """Give unused memory back to the driver, which unmaps it, and what BLAS keeps for itself too."""
        torch._C._cuda_clearCublasWorkspaces()
        torch.cuda.empty_cache()

    def clock(self) -> Clock:
        """Return a new pair of events."""
        return Events(self._stream)

    def flush(self) -> None:
        """Read and write a buffer of the size that the device table says."""
        self._flush.add_(1)

    def is_flushed_evenly(self) -> bool:
        """Return whether all words of the buffer are as many times written."""
        return bool((self._flush == self._flush[0]).all())

    def wait(self) -> None:
        """Wait for the device."""
        torch.cuda.synchronize(self._device)

    def delay(self, microseconds: float) -> None:
        """Have the device do nothing for a while."""
        torch.cuda._sleep(int(microseconds * self._cycles_per_us))

    def memory_bytes(self) -> int:
        """Return the free device memory, less what references need."""
        free, _ = torch.cuda.mem_get_info(self._device)
        cached = torch.cuda.memory_stats_as_nested_dict(self._device)["reserved_bytes"]["all"]["current"]
        return max(0, int(free) + int(cached) - KEPT_FREE)

    def telemetry(self) -> Telemetry:
        """Return clocks, temperature and power where the vendor's library tells them."""
        return self._monitor.read() if self._monitor else Telemetry()


class LoadedKernel:
    """A binary on the device; launches go to the stream that was torch's current one when it was opened."""

    def __init__(self, driver: Driver, binary: Binary, lanes: int, stream: int) -> None:
        self._function = driver.load(binary.code, binary.name, binary.shared_bytes)
        self._threads = binary.warps * lanes
        self._shared = binary.shared_bytes
        self._stream = stream

    def launch(self, grid: tuple[int, int, int], packed: Packed) -> None:
        """Enqueue a launch.

        Raises:
            DriverError: the device refuses it.
        """
        self._function.launch(grid, self._threads, self._shared, self._stream, packed)

    def close(self) -> None:
        """Unload the binary."""
        self._function.close()


class Events:
    """A clock made of two events of a stream."""

    def __init__(self, stream: torch.cuda.Stream) -> None:
        self._stream = stream
        self._events = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)

    def start(self) -> None:
        """Record the first."""
        self._events[0].record(self._stream)

    def stop(self) -> None:
        """Record the second."""
        self._events[1].record(self._stream)

    def milliseconds(self) -> float:
        """Return the time between the two."""
        self._events[1].synchronize()
        return float(self._events[0].elapsed_time(self._events[1]))


def fingerprint_of(index: int) -> Fingerprint:
    """Return what device torch sees under a number.

    Raises:
        RuntimeError: torch sees no such device.
    """
    properties: Any = torch.cuda.get_device_properties(index)
    hip = torch.version.hip is not None
    arch = properties.gcnArchName.partition(":")[0] if hip else f"sm_{properties.major}{properties.minor}"
    version = torch.version.hip if hip else torch.version.cuda
    return Fingerprint(
        name=properties.name, arch=arch, backend="hip" if hip else "cuda", index=index,
        uuid=str(getattr(properties, "uuid", "")), units=properties.multi_processor_count,
        memory_bytes=properties.total_memory, driver=driver_version() or str(version),
        torch=str(torch.__version__), triton=version_of("triton") or "unknown",
    )  # fmt: skip


def driver_version() -> str | None:
    """Return the version of the kernel's driver, or None if it does not say."""
    for path, pattern in (
        ("/proc/driver/nvidia/version", r"Module.*?\s(\d[\d.]+)"),
        ("/sys/module/amdgpu/version", r"(\S+)"),
    ):
        try:
            told = re.search(pattern, Path(path).read_text())
        except OSError:
            continue
        if told:
            return told[1]
    return None
