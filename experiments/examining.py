"""What `kernevo doctor` does, once its arguments are read."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec

from evo.errors import UsageError
from experiments import console
from experiments.console import Printer
from experiments.doctor import examine, show_findings
from experiments.run_folder import write_whole
from experiments.selftest.running import Extent, device_named, self_test
from experiments.selftest.tables import show_self_test


def doctor(show: Printer) -> None:
    """Report what this machine has."""
    findings = asyncio.run(examine())
    show({"findings": msgspec.to_builtins(findings)}, lambda console: show_findings(console, findings))


def test_device(device: str, out: Path | None, show: Printer) -> int:
    """Report whether a GPU's judge judges as it should; return the exit code."""
    found = device_named(device)
    if out is not None and (out.is_dir() or not out.parent.is_dir()):
        raise UsageError(f"--out must be a file in a folder that is there, got {out}")
    said = console.messages().print
    test = asyncio.run(self_test(found, device, Extent.whole(device), said))
    unexpected = list(test.unexpected())
    data = {**msgspec.to_builtins(test), "unexpected": unexpected}
    if out is not None:
        write_whole(out, msgspec.json.format(msgspec.json.encode(data)).decode(), shared=True)
    show(data, lambda console: show_self_test(console, test))
    return 1 if unexpected else 0
