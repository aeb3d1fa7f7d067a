"""The GPU that kernels are made for, as far as prompts tell of it."""

from __future__ import annotations

from typing import Literal

import msgspec


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """What a model is told of a GPU; names and units are the device table's.

    Attributes:
        name: the product.
        arch: the compiler's name of the architecture.
        backend: Triton's backend.
        warp_size: lanes a warp (wavefront).
        units: compute units (CUs, SMs).
        dies: chiplets (XCDs) over which programs are dealt round-robin; 1 where there is one die.
        warps_per_unit: resident warps a unit at most.
        threads_per_program: threads a program at most.
        registers_per_thread: registers one thread may use.
        registers_per_lane: registers that one lane of one SIMD can spread over its resident warps.
        shared_bytes_per_unit, shared_bytes_per_program: LDS or shared memory, in bytes.
        memory_bytes_per_s: peak of the device memory.
        copy_bytes_per_s: what a plain copy kernel reaches of it, reads and writes together.
        last_level_bytes, l2_bytes: sizes of the last-level cache, and of the second-level one of one die.
        matrix_flops: dense matrix-unit rate by dtype (and `tf32`), in floating-point operations a second.
        vector_flops: float32 rate without matrix units, in floating-point operations a second.
    """

    name: str
    arch: str
    backend: Literal["hip", "cuda"]
    warp_size: int
    units: int
    dies: int
    warps_per_unit: int
    threads_per_program: int
    registers_per_thread: int
    registers_per_lane: int
    shared_bytes_per_unit: int
    shared_bytes_per_program: int
    memory_bytes_per_s: float
    copy_bytes_per_s: float
    last_level_bytes: int
    l2_bytes: int
    matrix_flops: dict[str, float]
    vector_flops: float
