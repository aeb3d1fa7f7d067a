"""Clocks, temperature and power of a device, as its vendor's management library tells them.

Read through NVML ("NVML API Reference", device queries), which comes with NVIDIA's driver. AMD's is not read:
figures are then missing, and nothing else changes.
"""

from __future__ import annotations

import ctypes

from fitness.judge.messages import Fingerprint, Telemetry

SM_CLOCK, MEMORY_CLOCK = 1, 2
TEMPERATURE_OF_GPU = 0


class Monitor:
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


def monitor_of(fingerprint: Fingerprint) -> Monitor | None:
    """Return what reads a device, or None if nothing can."""
    if fingerprint.backend != "cuda" or not fingerprint.uuid:
        return None
    try:
        library = ctypes.CDLL("libnvidia-ml.so.1")
    except OSError:
        return None
    handle = ctypes.c_void_p()
    uuid = fingerprint.uuid if fingerprint.uuid.startswith("GPU-") else f"GPU-{fingerprint.uuid}"
    if library.nvmlInit_v2():
        return None
    if library.nvmlDeviceGetHandleByUUID(ctypes.c_char_p(uuid.encode()), ctypes.byref(handle)):
        return None
    return Monitor(library, handle)
