"""The device table: what each GPU architecture has, for capture, compiler, cost model and judge alike.

Sources: AMD "CDNA 3 ISA" and "MI300X data sheet" (2023), chips-and-cheese's MI300X measurements for the
cache bandwidths; NVIDIA "H100/H200 data sheet" and "CUDA C++ Programming Guide", compute capability 9.0.
Measured on an H200 with Triton 3.6: copy (4.21 TB/s), reads of 8 to 32 MB in a loop (8.1 TB/s), empty
programs (80 ns each a unit, whatever their warps). Of MI300X, copy rate, latencies and program overhead are
estimates.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from evo.errors import TargetError


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """One GPU as its own documents describe it.

    Attributes:
        arch: the compiler's name of the architecture.
        product: the product that the figures are of.
        backend: Triton's backend.
        warp_size: lanes a warp (wavefront).
        units: compute units (CUs, SMs).
        dies: chiplets (XCDs) over which programs are dealt round-robin; 1 where there is one die.
        simds: schedulers a unit.
        warps_per_simd: resident warps a scheduler at most.
        programs_per_unit: resident programs a unit at most.
        threads_per_program: threads a program at most.
        registers_per_lane: registers that one lane of one SIMD can spread over its resident warps.
        registers_per_thread: registers one thread may use.
        register_granule: registers are handed out in multiples of this, a thread.
        shared_bytes_per_unit, shared_bytes_per_program: LDS or shared memory, in bytes.
        clock_hz: boost clock.
        memory_bytes: size of the device memory.
        memory_bytes_per_s: peak of the device memory.
        last_level_bytes, last_level_bytes_per_s: last-level cache (Infinity Cache, L2) and its bandwidth.
        l2_bytes, l2_bytes_per_s: second-level cache (of one die) and the bandwidth of all dies together.
        memory_latency_s: latency of a load that misses every cache.
        matrix_flops: dense matrix-unit rate by dtype (and `tf32`), in floating-point operations a second.
        lanes_per_unit: float32 lanes a unit retires a clock.
        launch_overhead_s: device time between two dependent launches.
        sector_bytes: the piece in which the caches fetch from device memory.
        line_bytes: a line of the first-level cache; its tags are looked up one line at a time.
        copy_bytes_per_s: what a plain copy kernel reaches of the device memory, reads and writes together.
        kept_bytes: what a die's second-level cache can keep at once: half its size where two partitions hold
            copies of each other's lines (NVIDIA since A100, "A100 whitepaper").
        l2_latency_s: latency of a load that hits the second-level cache.
        special_lanes_per_unit: results that a unit's special-function pipes give a clock.
        l1_bytes_per_clock: what a unit's load/store path moves a clock.
        shared_bytes_per_clock: what a unit's shared memory (LDS) moves a clock.
        program_overhead_s: time that a unit takes to start and retire a program that does nothing.
    """

    arch: str
    product: str
    backend: Literal["hip", "cuda"]
    warp_size: int
    units: int
    dies: int
    simds: int
    warps_per_simd: int
    programs_per_unit: int
    threads_per_program: int
    registers_per_lane: int
    registers_per_thread: int
    register_granule: int
    shared_bytes_per_unit: int
    shared_bytes_per_program: int
    clock_hz: float
    memory_bytes: int
    memory_bytes_per_s: float
    last_level_bytes: int
    last_level_bytes_per_s: float
    l2_bytes: int
    l2_bytes_per_s: float
    memory_latency_s: float
    matrix_flops: dict[str, float]
    lanes_per_unit: int
    launch_overhead_s: float
    sector_bytes: int
    line_bytes: int
    copy_bytes_per_s: float
    kept_bytes: int
    l2_latency_s: float
    special_lanes_per_unit: int
    l1_bytes_per_clock: int
    shared_bytes_per_clock: int
    program_overhead_s: float

    @property
    def flush_bytes(self) -> int:
        """Bytes that must be read and written for nothing of before to be left in the last-level cache."""
        return 2 * self.last_level_bytes

    @property
    def triton_arch(self) -> str | int:
        """The architecture as Triton's `GPUTarget` wants it."""
        return int(self.arch.removeprefix("sm_")) if self.backend == "cuda" else self.arch


MI300X = Device(
    arch="gfx942", product="AMD MI300X", backend="hip", warp_size=64, units=304, dies=8, simds=4,
    warps_per_simd=8, programs_per_unit=32, threads_per_program=1024,
    registers_per_lane=512, registers_per_thread=512, register_granule=8,
    shared_bytes_per_unit=65536, shared_bytes_per_program=65536,
    clock_hz=2.1e9, memory_bytes=192 << 30, memory_bytes_per_s=5.3e12,
    last_level_bytes=256 << 20, last_level_bytes_per_s=11.9e12,
    l2_bytes=4 << 20, l2_bytes_per_s=40e12, memory_latency_s=8e-7,
    matrix_flops={"float16": 1.307e15, "bfloat16": 1.307e15, "float32": 1.634e14, "tf32": 6.537e14,
                  "float64": 1.634e14, "int8": 2.614e15, "float8": 2.614e15},
    lanes_per_unit=128, launch_overhead_s=3e-6,
    sector_bytes=64, line_bytes=128, copy_bytes_per_s=4.3e12, kept_bytes=4 << 20, l2_latency_s=2.5e-7,
    special_lanes_per_unit=16,
    l1_bytes_per_clock=64, shared_bytes_per_clock=128, program_overhead_s=1e-7,
)  # fmt: skip

H200 = Device(
    arch="sm_90", product="NVIDIA H200", backend="cuda", warp_size=32, units=132, dies=1, simds=4,
    warps_per_simd=16, programs_per_unit=32, threads_per_program=1024,
    registers_per_lane=512, registers_per_thread=255, register_granule=8,
    shared_bytes_per_unit=233472, shared_bytes_per_program=232448,
    clock_hz=1.98e9, memory_bytes=141 << 30, memory_bytes_per_s=4.8e12,
    last_level_bytes=50 << 20, last_level_bytes_per_s=8.1e12,
    l2_bytes=50 << 20, l2_bytes_per_s=8.1e12, memory_latency_s=7e-7,
    matrix_flops={"float16": 9.9e14, "bfloat16": 9.9e14, "tf32": 4.95e14, "float64": 6.7e13,
                  "int8": 1.98e15, "float8": 1.98e15},
    lanes_per_unit=128, launch_overhead_s=2e-6,
    sector_bytes=32, line_bytes=128, copy_bytes_per_s=4.22e12, kept_bytes=25 << 20, l2_latency_s=1.5e-7,
    special_lanes_per_unit=16,
    l1_bytes_per_clock=128, shared_bytes_per_clock=128, program_overhead_s=8e-8,
)  # fmt: skip

H100 = msgspec.structs.replace(
    H200, product="NVIDIA H100", memory_bytes=80 << 30, memory_bytes_per_s=3.35e12, copy_bytes_per_s=2.9e12,
)  # fmt: skip

PRODUCTS = (MI300X, H200, H100)
DEVICES = {device.arch: device for device in (MI300X, H200)}
"""What an architecture stands for where no GPU is asked."""


def device_for(arch: str) -> Device:
    """Return the device of an architecture.

    Raises:
        TargetError: no device of the table has this architecture.
    """
    try:
        return DEVICES[arch]
    except KeyError:
        raise TargetError(f"target must be one of {', '.join(DEVICES)}, got {arch!r}") from None


def product_for(arch: str, name: str) -> Device:
    """Return the row of a GPU that is there: of the product that its driver names, or of its architecture.

    Raises:
        TargetError: as `device_for`.
    """
    called = (each for each in PRODUCTS if each.arch == arch and each.product.split()[-1] in name)
    return next(called, None) or device_for(arch)
