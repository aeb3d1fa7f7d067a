"""Loads and launches binaries through the vendor's own driver library, whatever the version of Triton.

CUDA's driver API and HIP's module API have the same calls under other names: "CUDA Driver API", module and
execution control; "HIP API", module management. What stands here of HIP has never met the hardware; it was
held against the launcher in Triton's AMD backend (3.6 and 3.7), which makes the same calls.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

MAX_DYNAMIC_SHARED = 8
"""CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES."""
PREFER_SHARED = 1
"""CU_FUNC_CACHE_PREFER_SHARED."""
DEFAULT_SHARED = 48 << 10
"""Shared memory that a CUDA kernel gets without asking for more."""


class DriverError(Exception):
    """The driver refused a call.

    Attributes:
        call: which one.
        name: the driver's name of the error.
    """

    def __init__(self, call: str, name: str) -> None:
        super().__init__(f"{call}: {name}")
        self.call = call
        self.name = name


class Names(msgspec.Struct, frozen=True):
    """What a vendor calls things.

    Attributes:
        library: the shared library.
        load, function, launch, unload, error: the calls.
        forget: the call that clears a thread's last error, where refused calls leave one behind for torch to
            find at its next launch: HIP's runtime is its driver ("HIP API 7.0 changes", hipGetLastError).
    """

    library: str
    load: str
    function: str
    launch: str
    unload: str
    error: str
    forget: str | None = None


NAMES = {
    "cuda": Names(
        "libcuda.so.1", "cuModuleLoadData", "cuModuleGetFunction", "cuLaunchKernel", "cuModuleUnload",
        "cuGetErrorName",
    ),
    "hip": Names(
        "libamdhip64.so", "hipModuleLoadData", "hipModuleGetFunction", "hipModuleLaunchKernel",
        "hipModuleUnload", "hipGetErrorName", "hipGetLastError",
    ),
}  # fmt: skip
MAPPED = Path("/proc/self/maps")


def loaded_library(name: str) -> str:
    """Return the file of a library that this process has loaded already; its name, for the loader, if none.

    ROCm's torch brings a HIP of its own, maybe beside the system's, with a version or a hash in its name
    (`libamdhip64.so.7`, `libamdhip64-0a1b2c.so`): modules must be loaded by the very one that torch drives.
    """
    stem = name.partition(".so")[0]
    for line in MAPPED.read_text().splitlines():
        path = line[line.find("/") :] if "/" in line else ""
        base = path.rpartition("/")[2]
        if base.startswith((f"{stem}.so", f"{stem}-")):
            return path
    return name


class Driver:
    """A vendor's driver library. A context must be current in the calling thread: torch makes one."""

    def __init__(self, backend: str) -> None:
        """Open the library.

        Raises:
            OSError: it is not there.
        """
        self._backend = backend
        self._names = NAMES[backend]
        self._library = ctypes.CDLL(loaded_library(self._names.library))
        self._launch = getattr(self._library, self._names.launch)
        self._launch.argtypes = [
            ctypes.c_void_p, *[ctypes.c_uint] * 7, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p,
        ]  # fmt: skip

    def load(self, code: bytes, name: str, shared_bytes: int) -> Function:
        """Return the kernel `name` of a binary, ready to be launched.

        Raises:
            DriverError: the binary is not for this device, has no such kernel or wants too much.
        """
        module, function = ctypes.c_void_p(), ctypes.c_void_p()
        self._call(self._names.load, ctypes.byref(module), ctypes.c_char_p(code))
        self._call(self._names.function, ctypes.byref(function), module, ctypes.c_char_p(name.encode()))
        if self._backend == "cuda" and shared_bytes > DEFAULT_SHARED:
            # As Triton's own loader does, so that a replayed kernel gets the same split of cache and memory.
            self._call("cuFuncSetCacheConfig", function, PREFER_SHARED)
            self._call("cuFuncSetAttribute", function, MAX_DYNAMIC_SHARED, ctypes.c_int(shared_bytes))
        return Function(self, module, function)

    def launch(
        self,
        function: ctypes.c_void_p,
        grid: tuple[int, int, int],
        threads: int,
        shared_bytes: int,
        stream: int,
        packed: Any,
    ) -> None:
        """Enqueue a launch.

        Args:
            function: a handle.
            grid: programs along each axis.
            threads: a program.
            shared_bytes: dynamic shared memory a program.
            stream: handle of the stream.
            packed: an array of pointers to the arguments, which must live until this returns.

        Raises:
            DriverError: the launch was refused, or an earlier one has failed.
        """
        code = self._launch(function, *grid, threads, 1, 1, shared_bytes, stream, packed, None)
        if code:
            raise self._refused(self._names.launch, code)

    def unload(self, module: ctypes.c_void_p) -> None:
        """Let go of a binary.

        Raises:
            DriverError: an earlier launch has failed.
        """
        self._call(self._names.unload, module)

    def _call(self, name: str, *arguments: Any) -> None:
        code = getattr(self._library, name)(*arguments)
        if code:
            raise self._refused(name, code)

    def _refused(self, call: str, code: int) -> DriverError:
        """Return the error that a call came to, once the driver has forgotten it."""
        error = DriverError(call, self._error(code))
        if self._names.forget:
            getattr(self._library, self._names.forget)()
        return error

    def _error(self, code: int) -> str:
        """Return the driver's name of an error: CUDA writes it to a pointer, HIP returns it."""
        told = ctypes.c_char_p()
        call = getattr(self._library, self._names.error)
        if self._backend == "cuda":
            call(code, ctypes.byref(told))
            name = told.value
        else:
            call.restype = ctypes.c_char_p
            name = call(code)
        return (name or b"unknown error").decode() + f" ({code})"


class Function:
    """A loaded kernel; `close` unloads its binary."""

    def __init__(self, driver: Driver, module: ctypes.c_void_p, function: ctypes.c_void_p) -> None:
        self._driver = driver
        self._module = module
        self._function = function

    def launch(
        self, grid: tuple[int, int, int], threads: int, shared_bytes: int, stream: int, packed: Packed
    ) -> None:
        """Enqueue a launch, as `Driver.launch`."""
        self._driver.launch(self._function, grid, threads, shared_bytes, stream, packed.pointers)

    def close(self) -> None:
        """Unload the binary."""
        self._driver.unload(self._module)


class Packed:
    """Arguments in memory as a launch wants them: an array of pointers, and what they point to."""

    def __init__(self, values: Sequence[Any]) -> None:
        """Hold ctypes values for as long as this lives."""
        self.values = tuple(values)
        self.pointers = (ctypes.c_void_p * len(self.values))(
            *(ctypes.cast(ctypes.pointer(each), ctypes.c_void_p) for each in self.values)
        )
