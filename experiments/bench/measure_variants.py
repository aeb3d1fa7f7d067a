"""Measures the variants on this machine's GPU: `python -m experiments.bench.measure_variants --out FILE`.

Processes side by side compile all variants into Triton's cache; then one process checks each against torch
and times those of a kernel together: cold, interleaved, in random order. Whatever ends that process costs the
variant that it was at; a new one goes on. The file is written after each kernel, and variants that it holds
already are not measured again.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime
import os
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import msgspec

from experiments.bench.measured import Measured, MeasuredVariant
from experiments.bench.measuring import Checking, Done, Order, Timing, Word, flushed_bytes, versions
from experiments.bench.variants import family_names, load_family

ROUNDS = 50
SILENT_SECONDS = 120.0
"""A process that says nothing for so long is taken to hang."""
MOST_CRASHES = 20

Key = tuple[str, str]


class Box:
    """Drives the measuring processes and keeps what they found.

    Attributes:
        found: what became of each variant so far, by kernel and label.
    """

    def __init__(self, out: Path, rounds: int) -> None:
        self._out = out
        self._rounds = rounds
        self._circumstances = {**versions(), "driver": _driver(), "date": str(datetime.date.today())}
        self._flushed = flushed_bytes()
        self.found: dict[Key, MeasuredVariant] = {}

    def resume(self, digests: dict[Key, str]) -> None:
        """Take what the file holds of these variants, if the same device measured them."""
        if not self._out.exists():
            return
        kept = msgspec.json.decode(self._out.read_bytes(), type=Measured)
        if kept.device == self._circumstances["device"]:
            self.found = {
                (each.family, each.label): each for each in kept.variants
                if digests.get((each.family, each.label)) == each.digest
            }  # fmt: skip

    async def compile(self, wanted: Iterable[Key], processes: int) -> None:
        """Compile variants in processes side by side."""
        order = msgspec.json.encode(Order(variants=tuple(wanted)))

        async def part(number: int) -> None:
            process = await _start("compile", str(number), str(processes))
            await process.communicate(order)

        await asyncio.gather(*(part(number) for number in range(processes)))

    async def measure(self, digests: dict[Key, str]) -> None:
        """Check and time variants, with a new process after each crash.

        Raises:
            RuntimeError: processes keep crashing.
        """
        for _ in range(MOST_CRASHES):
            left = tuple(key for key in digests if key not in self.found)
            if not left:
                return
            for family, label in await self._measured(left):
                self.found[family, label] = MeasuredVariant(
                    family=family, label=label, digest=digests[family, label], status="crashed",
                    feedback="the process that ran it ended or hung",
                )  # fmt: skip
            self.write()
        raise RuntimeError(f"{MOST_CRASHES} processes have crashed, {len(left)} variants are left")

    async def _measured(self, left: tuple[Key, ...]) -> list[Key]:
        """Keep what one process finds; return the variants that it was at if it does not end well.

        Raises:
            RuntimeError: it ends before it has come to a variant, so that the next would as well.
        """
        process = await _start("time")
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(msgspec.json.encode(Order(variants=left, rounds=self._rounds)))
        process.stdin.close()
        at: list[Key] = []
        try:
            while line := await asyncio.wait_for(process.stdout.readline(), SILENT_SECONDS):
                match msgspec.json.decode(line, type=Word):
                    case Checking(family=family, label=label):
                        at = [(family, label)]
                    case Timing(family=family):
                        at = [key for key in left if key[0] == family and key not in self.found]
                        print(f"{family}: {len(at)} variants to time", flush=True)
                    case Done(variant=variant):
                        self.found[variant.family, variant.label] = variant
                        self.write()
            if await process.wait() == 0:
                return []
        except TimeoutError:
            process.kill()
            await process.wait()
        lost = [key for key in at if key not in self.found]
        if not lost:
            raise RuntimeError(f"a measuring process ended with {process.returncode} between two variants")
        return lost

    def write(self) -> None:
        """Write what was found so far."""
        measured = Measured(
            rounds=self._rounds, flushed_bytes=self._flushed,
            variants=tuple(self.found[key] for key in sorted(self.found)), **self._circumstances,
        )  # fmt: skip
        self._out.parent.mkdir(parents=True, exist_ok=True)
        whole = self._out.with_suffix(".part")
        whole.write_bytes(msgspec.json.format(msgspec.json.encode(measured), indent=1) + b"\n")
        whole.rename(self._out)


async def _start(*words: str) -> asyncio.subprocess.Process:
    command = (sys.executable, "-m", "experiments.bench.measuring", *words)
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)


def _driver() -> str:
    """Return the driver's version where the tool that tells it is there."""
    command = ("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader", "--id=0")
    try:
        return (
            subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip() or "unknown"
        )
    except FileNotFoundError:
        return "unknown"


async def main(out: Path, rounds: int, processes: int, families: list[str]) -> None:
    """Compile and measure what is not in the file yet."""
    digests = {
        (name, each.label): each.kernel.digest for name in families for each in load_family(name).variants
    }
    box = Box(out, rounds)
    box.resume(digests)
    left = [key for key in digests if key not in box.found]
    start = time.monotonic()
    await box.compile(left, processes)
    print(f"compiled {len(left)} variants in {time.monotonic() - start:.0f} s", flush=True)
    start = time.monotonic()
    await box.measure(digests)
    print(f"measured them in {time.monotonic() - start:.0f} s")
    for each in box.found.values():
        if not each.passed:
            print(f"{each.family} {each.label}: {each.status}: {each.feedback[:200]}")
    print(f"{sum(each.passed for each in box.found.values())} of {len(box.found)} passed: {out}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="the JSON file to write or to go on with")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="cold calls of each variant")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="compiling side by side")
    parser.add_argument("families", nargs="*", default=family_names(), help="kernels, all by default")
    given = parser.parse_args()
    asyncio.run(main(given.out, given.rounds, given.processes, given.families))
