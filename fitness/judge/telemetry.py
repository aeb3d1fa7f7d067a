"""Clocks, temperature and power of a device, as its vendor's driver tells them.

NVIDIA's are read through NVML ("NVML API Reference", device queries), AMD's as the kernel's driver offers
them in files ("GPU Power/Thermal Controls and Monitoring", Linux kernel documentation, HWMON interfaces of
amdgpu). What is not told is missing, and nothing else changes. The files of AMD have never been read on the
hardware: MI300's are expected to tell the temperature of the junction and the power of the moment, but
neither that of the edge nor the mean power.
"""

from __future__ import annotations

import contextlib
import ctypes
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from fitness.judge.messages import Fingerprint, Telemetry

SM_CLOCK, MEMORY_CLOCK = 1, 2
TEMPERATURE_OF_GPU = 0
CARDS = Path("/sys/class/drm")
CARD = re.compile(r"card\d+")
AMD = "0x1002"
"""AMD's vendor number on the PCI bus."""
SENSORS = ("edge", "junction")
"""Whose temperature is told, the first there is."""


class Monitor(Protocol):
    """Reads one device."""

    def read(self) -> Telemetry:
        """Return what the device says now."""


class NvidiaMonitor:
    """Reads one NVIDIA device."""

    def __init__(self, library: ctypes.CDLL, handle: ctypes.c_void_p) -> None:
        self._library = library
        self._handle = handle

    def read(self) -> Telemetry:
        """Return what the device says now."""
        watts = self._ask("nvmlDeviceGetPowerUsage")
        return Telemetry(
            clock_mhz=self._ask("nvmlDeviceGetClockInfo", SM_CLOCK),
            memory_clock_mhz=self._ask("nvmlDeviceGetClockInfo", MEMORY_CLOCK),
            celsius=self._ask("nvmlDeviceGetTemperature", TEMPERATURE_OF_GPU),
            watts=None if watts is None else watts / 1e3,
        )

    def _ask(self, name: str, *which: int) -> int | None:
        """Return a figure, or None if the device does not tell it."""
        told = ctypes.c_uint()
        code = getattr(self._library, name)(self._handle, *map(ctypes.c_int, which), ctypes.byref(told))
        return None if code else int(told.value)


class AmdMonitor:
    """Reads one AMD device from its `hwmon` folder: hertz, thousandths of a degree, millionths of a watt."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self) -> Telemetry:
        """Return what the device says now."""
        clock, memory_clock = self._ask("freq1_input"), self._ask("freq2_input")
        degrees = self._temperature()
        watts = self._first("power1_average", "power1_input")
        return Telemetry(
            clock_mhz=None if clock is None else clock // 10**6,
            memory_clock_mhz=None if memory_clock is None else memory_clock // 10**6,
            celsius=None if degrees is None else degrees // 1000,
            watts=None if watts is None else watts / 1e6,
        )

    def _temperature(self) -> int | None:
        """Return what the first of the sensors that there is tells."""
        by_label = {_told(path): path.name for path in self._folder.glob("temp*_label")}
        found = (by_label[label].replace("_label", "_input") for label in SENSORS if label in by_label)
        return self._first(*found)

    def _first(self, *names: str) -> int | None:
        """Return the figure in the first of the files that tells one."""
        return next((figure for figure in map(self._ask, names) if figure is not None), None)

    def _ask(self, name: str) -> int | None:
        """Return a figure, or None if the device does not tell it."""
        told = _told(self._folder / name)
        return int(told) if told and told.isdecimal() else None


def monitor_of(fingerprint: Fingerprint) -> Monitor | None:
    """Return what reads a device, or None if nothing can."""
    if fingerprint.backend == "hip":
        folder = amd_folder(fingerprint.uuid, CARDS)
        return None if folder is None else AmdMonitor(folder)
    return _nvidia_monitor(fingerprint.uuid) if fingerprint.uuid else None


def amd_folder(uuid: str, cards: Path) -> Path | None:
    """Return the `hwmon` folder of an AMD device, or None if it cannot be told which one that is.

    Args:
        uuid: as torch says it: the 16 letters of the device's `unique_id` as bytes, in hex.
        cards: folder of all cards, `/sys/class/drm`.
    """
    found = {device: monitor for device in _amd_devices(cards) for monitor in device.glob("hwmon/hwmon*")}
    letters = _letters(uuid)
    named = [device for device in found if letters and _told(device / "unique_id") == letters]
    [device] = named if len(named) == 1 else found if len(found) == 1 else [None]
    return None if device is None else found[device]


def _amd_devices(cards: Path) -> Iterator[Path]:
    for card in sorted(cards.glob("card*")):  # their connectors are called `card0-DP-1`
        if CARD.fullmatch(card.name) and _told(card / "device" / "vendor") == AMD:
            yield card / "device"


def _letters(uuid: str) -> str | None:
    """Return the letters that the hex digits of a UUID stand for, or None if they stand for none."""
    with contextlib.suppress(ValueError):
        return bytes.fromhex(uuid.removeprefix("GPU-").replace("-", "")).decode("ascii").lower()
    return None


def _told(path: Path) -> str | None:
    """Return what stands in a file, or None: a sensor that is there may still refuse to be read."""
    try:
        return path.read_text().strip()
    except OSError:
        return None


def _nvidia_monitor(uuid: str) -> NvidiaMonitor | None:
    try:
        library = ctypes.CDLL("libnvidia-ml.so.1")
    except OSError:
        return None
    handle = ctypes.c_void_p()
    named = uuid if uuid.startswith("GPU-") else f"GPU-{uuid}"
    if library.nvmlInit_v2():
        return None
    if library.nvmlDeviceGetHandleByUUID(ctypes.c_char_p(named.encode()), ctypes.byref(handle)):
        return None
    return NvidiaMonitor(library, handle)
