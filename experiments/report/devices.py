"""The device of a run, and how near to its roofs kernels come."""

from __future__ import annotations

import re
import tomllib

import msgspec

from evo.evaluation import Evaluation
from evo.task import Role, Workload
from experiments.report.fates import RunTold
from fitness.devices import DEVICES, Device, product_for

MODELLED = re.compile(r"model:(\w+)")
MEASURED = re.compile(r"(.+) \((\w+), driver .*")
"""Product and architecture in what evaluations call a device."""


class Roof(msgspec.Struct, frozen=True, kw_only=True):
    """What bounds a workload on a device, and what its kernels reach of that.

    Attributes:
        workload: its name.
        dtype: its dtype.
        intensity: floating-point operations a byte, of those that any kernel must do and move.
        memory: bytes a second that the device's memory moves at its peak.
        compute: floating-point operations a second at its peak, in this dtype.
        floor_ms: latency at the nearer of both roofs, in milliseconds.
    """

    workload: str
    dtype: str
    intensity: float
    memory: float
    compute: float
    floor_ms: float


def device_of(run: RunTold) -> Device | None:
    """Return the device that a run measures on or models, if it is one of the table's."""
    label = run.identity.device
    modelled, measured = MODELLED.fullmatch(label), MEASURED.fullmatch(label)
    if modelled:
        return DEVICES.get(modelled[1])
    if measured:
        return product_for(measured[2], measured[1]) if measured[2] in DEVICES else None
    try:
        target = tomllib.loads(run.settings).get("fitness", {}).get("target")
    except (tomllib.TOMLDecodeError, AttributeError):
        return None
    return DEVICES.get(target) if isinstance(target, str) else None


def roofs(run: RunTold, device: Device) -> list[Roof]:
    """Return the roofs of each timed workload that moves something."""
    return [roof_of(each, device) for each in run.task.having(Role.TIME) if each.bytes > 0]


def reached(evaluation: Evaluation, roof: Roof) -> float | None:
    """Return the share of the nearer roof that a kernel reaches on the roof's workload, 1 at the roof.

    More than 1 is possible where a cache keeps what is written.
    """
    latencies = {each.workload: each.latency_ms for each in evaluation.measurements}
    return roof.floor_ms / latencies[roof.workload] if roof.workload in latencies else None


def roof_of(workload: Workload, device: Device) -> Roof:
    """Return the roofs of a workload that moves something."""
    lanes = 2 * device.lanes_per_unit * device.units * device.clock_hz
    compute = max(device.matrix_flops.get(workload.dtype, 0.0), lanes)
    seconds = max(workload.bytes / device.memory_bytes_per_s, workload.flops / compute)
    return Roof(
        workload=workload.name, dtype=workload.dtype, intensity=workload.flops / workload.bytes,
        memory=device.memory_bytes_per_s, compute=compute, floor_ms=1e3 * seconds,
    )  # fmt: skip
