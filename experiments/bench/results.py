"""Where benchmarks leave what they saw: JSON with the machine and the code's date."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Awaitable, Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from experiments.run_folder import write_whole
from fitness.packages import version_of

RESULTS = Path(__file__).parent.parent / "results"
Told = TypeVar("Told")


def write_results(name: str, figures: dict[str, Any], folder: Path = RESULTS) -> Path:
    """Write the figures of benchmark `name` with the circumstances they were seen in; return the file."""
    path = folder / f"{name}.json"
    told = {"benchmark": name, "code": code_date(), "machine": machine(), "figures": figures}
    folder.mkdir(exist_ok=True)
    path.write_text(json.dumps(told, indent=2, sort_keys=True) + "\n")
    return path


async def kept_at(path: Path, kind: type[Told], make: Callable[[], Awaitable[Told]]) -> Told:
    """Return what a file keeps; have it made if it is not there, and kept whole or not at all."""
    if not path.exists():
        write_whole(path, msgspec.json.encode(await make()).decode())
    return msgspec.json.decode(path.read_bytes(), type=kind)


def machine() -> dict[str, Any]:
    """Return what matters of the machine and of what is installed."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "torch": version("torch"),
        "triton": version_of("triton"),
    }


def _processor() -> str:
    """Return the processor's name where the system tells it."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def code_date() -> str:
    """Return the date of the last commit, or `unknown` outside of a checkout."""
    command = ("git", "-C", str(RESULTS), "log", "-1", "--format=%cs")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"
