"""Which GPU a machine has, asked in a process of its own: the engine touches no device.

`python -m fitness.judge.probe cuda:0` prints the device's fingerprint as JSON.
"""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from pathlib import Path

import msgspec

from fitness.judge.messages import Fingerprint

NODES = ("/dev/nvidia0", "/dev/nvidiactl", "/dev/kfd", "/dev/dxg")
"""One of these is there wherever CUDA or ROCm can work."""
PROBE_SECONDS = 120.0


class NoDevice(Exception):
    """A device that cannot be measured on, and why."""


def has_gpu() -> bool:
    """Return whether this machine has any GPU that CUDA or ROCm could drive."""
    return any(Path(node).exists() for node in NODES)


@functools.cache
def probed(device: str) -> Fingerprint:
    """Return what a device (`cuda:0`, `rocm:0`) is; asked once a process, as it takes seconds.

    Raises:
        NoDevice: it is not there, or torch cannot drive it.
    """
    if not has_gpu():
        raise NoDevice("this machine has no GPU")
    paths = os.pathsep.join(str(Path(entry).absolute()) for entry in sys.path)
    command = [sys.executable, "-P", "-m", "fitness.judge.probe", device]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=PROBE_SECONDS,
            env={**os.environ, "PYTHONPATH": paths},
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise NoDevice(f"{device} does not answer within {PROBE_SECONDS:g} s") from None
    if done.returncode:
        raise NoDevice((done.stderr.strip().splitlines() or [f"the probe of {device} failed"])[-1])
    return msgspec.json.decode(done.stdout, type=Fingerprint)


def main(device: str) -> int:
    """Print what a device is; return the exit code."""
    from fitness.judge.gpu import fingerprint_of

    kind, _, index = device.partition(":")
    try:
        found = fingerprint_of(int(index))
    except (RuntimeError, AssertionError) as error:
        print(f"torch cannot drive {device}: {error}".partition("\n")[0], file=sys.stderr)
        return 1
    if (kind == "rocm") != (found.backend == "hip"):
        print(f"torch is built for {found.backend}, so there is no {device}", file=sys.stderr)
        return 1
    print(json.dumps(msgspec.to_builtins(found)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
