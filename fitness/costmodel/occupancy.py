"""How many programs a compute unit holds at once, from what one of them takes.

Sources: NVIDIA "CUDA C++ Programming Guide" and occupancy calculator (registers go to whole warps in units of
256, a block reserves 1 KiB of shared memory for the system); AMD "CDNA 3 ISA": waves a SIMD = min(8,
⌊512 / ceil8(VGPRs)⌋, ⌊LDS of the unit / LDS of a workgroup⌋ · ⌈warps / SIMDs⌉).
"""

from __future__ import annotations

from fitness.devices import Device


def warps_per_simd(device: Device, registers: int) -> int:
    """Return how many warps (wavefronts) one scheduler holds, by registers alone.

    Args:
        device: the target.
        registers: registers a thread; 0 counts as the smallest allocation.
    """
    granule = device.register_granule
    rounded = max(granule, -(-registers // granule) * granule)
    return min(device.warps_per_simd, device.registers_per_lane // rounded)


def resident_programs(device: Device, *, registers: int, shared_bytes: int, warps: int) -> int:
    """Return how many programs one unit holds at once; 0 if not even one fits.

    Args:
        device: the target.
        registers: registers a thread (VGPRs, AGPRs included, on AMD).
        shared_bytes: shared memory (LDS) a program.
        warps: warps a program.

    Raises:
        ValueError: no warps, or negative amounts.
    """
    if warps < 1 or registers < 0 or shared_bytes < 0:
        raise ValueError(
            f"a program has at least one warp and takes no negative amounts, got {warps} warps, "
            f"{registers} registers, {shared_bytes} bytes"
        )
    if warps * device.warp_size > device.threads_per_program or registers > device.registers_per_thread:
        return 0
    if shared_bytes > device.shared_bytes_per_program:
        return 0
    each = warps_per_simd(device, registers)
    spread = device.simds // warps if warps < device.simds else 1
    by_warps = each * spread // -(-warps // device.simds)
    reserved = device.shared_bytes_per_unit - device.shared_bytes_per_program
    taken = shared_bytes + reserved
    by_shared = device.shared_bytes_per_unit // taken if taken else device.programs_per_unit
    return min(by_warps, by_shared, device.programs_per_unit)


def occupancy(device: Device, *, registers: int, shared_bytes: int, warps: int) -> float:
    """Return resident warps over the most the unit can hold, 0 to 1."""
    programs = resident_programs(device, registers=registers, shared_bytes=shared_bytes, warps=warps)
    return programs * warps / (device.simds * device.warps_per_simd)
