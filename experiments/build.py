"""Wiring: settings in, the parts of a run out. The one place that knows every floor."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import AsyncIterator
from importlib.metadata import entry_points

from evo.engine import Engine
from evo.errors import TargetError
from evo.evaluation import Source
from evo.task import Task
from experiments.settings import RunSettings
from fitness.devices import Device, device_for
from fitness.modelled import ModelledEvaluator, device_label
from fitness.rooms import Rooms, open_rooms
from fitness.settings import FitnessSettings
from operators.settings import build_operators, build_portfolio

TRITON_BACKENDS = {"cuda": "nvidia", "hip": "amd"}
"""What Triton's own distribution calls the backend that builds for each kind of target."""


def build_engine(settings: RunSettings, task: Task) -> Engine:
    """Return a fresh engine for a run.

    Raises:
        UsageError: settings that cannot be had, such as a target that cannot be built for.
    """
    device = buildable(settings.fitness.target)
    operators = build_operators(settings.operators, device.backend)
    return Engine(
        task, settings.search, operators, build_portfolio(settings.operators, operators),
        Source.MODELLED, device_label(device),
    )  # fmt: skip


def buildable(target: str) -> Device:
    """Return the device of a target. Asks what is installed, without importing any of it.

    Raises:
        TargetError: no device of the table, or one that the installed Triton has no backend for.
    """
    device = device_for(target)
    installed = sorted({entry.name for entry in entry_points(group="triton.backends")})
    if TRITON_BACKENDS[device.backend] not in installed:
        raise TargetError(
            f"target {target} needs a Triton with the {TRITON_BACKENDS[device.backend]} backend, "
            f"the installed one has {', '.join(installed) or 'none'}"
        )
    return device


@contextlib.asynccontextmanager
async def open_evaluator(settings: FitnessSettings, seed: int) -> AsyncIterator[ModelledEvaluator]:
    """Open the rooms and yield the evaluator of a run with this seed.

    Raises:
        UsageError: a target that is not known or that the installed Triton cannot build.
        SandboxError: a room cannot start.
    """
    buildable(settings.target)
    async with open_rooms() as rooms, evaluator_in(rooms, settings, seed) as evaluator:
        yield evaluator


@contextlib.asynccontextmanager
async def evaluator_in(
    rooms: Rooms, settings: FitnessSettings, seed: int
) -> AsyncIterator[ModelledEvaluator]:
    """Yield the evaluator of a run with this seed in rooms that are open.

    Raises:
        UsageError: as `open_evaluator`.
    """
    device = buildable(settings.target)
    evaluator = ModelledEvaluator(rooms, device, settings.limits, run_secret(seed))
    try:
        yield evaluator
    finally:
        evaluator.cancel()


def run_secret(seed: int) -> bytes:
    """Return the secret that correctness inputs are drawn under; no room where candidates run has it."""
    return hashlib.sha256(f"kernevo inputs {seed}".encode()).digest()
