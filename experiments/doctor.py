"""`kernevo doctor`: what this machine has, and what stands between candidates and it."""

from __future__ import annotations

import os
import platform

import msgspec
from rich.console import Console
from rich.table import Table

from evo.errors import KernevoError
from experiments.build import evaluator_in
from experiments.suites.loader import load_task
from fitness.devices import DEVICES
from fitness.judge.probe import NoDevice, has_gpu, probed
from fitness.packages import version_of
from fitness.rooms import Rooms, open_rooms
from fitness.sandbox import Isolation
from fitness.settings import FitnessSettings

PACKAGES = ("kernevo", "torch", "triton", "deap", "mlflow", "numpy", "libcst")


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at: what it is, how it stands, and whether that is as it should be."""

    what: str
    value: str
    good: bool


async def examine() -> list[Finding]:
    """Look at packages, isolation and targets; a room that cannot start is a finding too."""
    findings = package_findings()
    try:
        async with open_rooms() as rooms:
            findings += [*isolation_findings(rooms), _gpu()]
            for arch in DEVICES:
                findings.append(await _target(arch, rooms))
    except KernevoError as error:
        return [*findings, Finding("rooms", str(error), False)]
    return findings


def show_findings(console: Console, findings: list[Finding]) -> None:
    """Print the findings."""
    table = Table(show_header=False)
    for each in findings:
        table.add_row("ok" if each.good else "!!", each.what, each.value)
    console.print(table)


def package_findings() -> list[Finding]:
    """Return what the machine is, and which packages it has."""
    machine = Finding("machine", f"{platform.platform()}, {os.cpu_count()} cores", True)
    return [machine, *map(_package, PACKAGES)]


def _package(name: str) -> Finding:
    found = version_of(name)
    return Finding(name, found or "not installed", found is not None)


def isolation_findings(rooms: Rooms) -> list[Finding]:
    """Return what stands between each room's candidates and the machine."""
    return [
        Finding(f"room {name}", _in_words(isolation), not isolation.problems)
        for name, isolation in rooms.isolation().items()
        if isolation != Isolation()
    ]


def _in_words(isolation: Isolation) -> str:
    parts = [
        f"namespaces {' '.join(isolation.namespaces) or 'none'}",
        f"Landlock {isolation.landlock_abi}" if isolation.landlock_abi else "no Landlock",
        "seccomp" if isolation.seccomp else "no seccomp",
        f"scratch {isolation.scratch}",
        f"runs as {isolation.user}",
        *isolation.problems,
    ]
    return "; ".join(parts)


def _gpu() -> Finding:
    """Return which GPU could be measured on."""
    if not has_gpu():
        return Finding("GPU", "none here, latencies are modelled", True)
    reasons = []
    for name in ("rocm:0", "cuda:0"):
        try:
            return Finding("GPU", f"{name}, {probed(name).label}; `doctor --device {name}` tests it", True)
        except NoDevice as error:
            reasons.append(str(error))
    return Finding("GPU", "; ".join(reasons), False)


async def _target(arch: str, rooms: Rooms) -> Finding:
    """Take a task's seed kernel through the whole cascade for a target."""
    task = load_task("flip")
    try:
        async with evaluator_in(rooms, FitnessSettings(target=arch, device="model"), seed=0) as evaluator:
            evaluation = await evaluator.evaluate(task.seed, task)
    except KernevoError as error:
        return Finding(f"target {arch}", str(error), False)
    said = f"{evaluation.status} ({evaluation.source}), {evaluation.cost.cpu_seconds:.2f} CPU seconds"
    return Finding(f"target {arch}", f"{said} {evaluation.feedback}".strip(), evaluation.passed)
