"""Whether a device still computes, and how fast it copies: asked before the first candidate of a process."""

from __future__ import annotations

import statistics

import torch

from fitness.judge.gpu import Machine

ELEMENTS = 1 << 20
ANCHOR_BYTES = 256 << 20
ANCHOR_COPIES = 7


def sickness(machine: Machine) -> str | None:
    """Return what is wrong with a device, or None: it writes, reads, adds and multiplies whole numbers.

    An error that an earlier launch left behind shows here too.
    """
    try:
        machine.wait()
        numbers = torch.arange(ELEMENTS, device=machine.device)
        told = int((numbers * 3 + 1).sum())
        square = torch.ones(64, 64, device=machine.device)
        products = (square @ square).cpu()
        machine.wait()
    except RuntimeError as error:
        return str(error).partition("\n")[0]
    wanted = 3 * ELEMENTS * (ELEMENTS - 1) // 2 + ELEMENTS
    if told != wanted or not bool((products == 64).all()):
        return f"a sum of whole numbers must be {wanted}, the device computes {told}"
    return None


def anchor_ms(machine: Machine, size_bytes: int = ANCHOR_BYTES) -> float:
    """Return the median time of a plain copy, in milliseconds."""
    source = torch.zeros(size_bytes, dtype=torch.uint8, device=machine.device)
    target = torch.empty_like(source)
    times = []
    for _ in range(ANCHOR_COPIES):
        clock = machine.clock()
        clock.start()
        target.copy_(source)
        clock.stop()
        times.append(clock.milliseconds())
    return statistics.median(times)
