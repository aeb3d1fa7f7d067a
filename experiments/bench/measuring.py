"""What runs on a GPU box beside the command: compiles variants, checks them against torch, times them cold.

`python -m experiments.bench.measuring compile PART PARTS` fills Triton's cache; `... time` does the rest.
Both read an `Order` from standard input; what they have to say they print, one `Word` a line.
"""

from __future__ import annotations

import contextlib
import importlib.util
import math
import os
import random
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, TextIO

import msgspec
import torch
import triton
from triton.runtime.jit import JITFunction

from experiments.bench.measured import PASSED, Built, MeasuredVariant
from experiments.bench.variants import Family, Variant, load_family

Tensors = tuple[torch.Tensor, ...]
Call = Callable[[], torch.Tensor]

LARGEST_ERROR = {torch.float32: 1e-5, torch.float16: 4e-3, torch.bfloat16: 2e-2}
"""Accepted RMS error over the RMS of the reference in float64; integers must be equal."""
UNTIMED_ROUNDS = 3
DEVICE = "cuda"
AHEAD_CYCLES = 700_000
"""The device idles this long before each call, so that the host has queued all of it by then."""
NORMAL_99 = 2.576


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """Which variants to take, by kernel and label, and how often to time each."""

    variants: tuple[tuple[str, str], ...]
    rounds: int = 0


class Checking(msgspec.Struct, frozen=True, tag="checking"):
    """This variant is about to run for the first time."""

    family: str
    label: str


class Timing(msgspec.Struct, frozen=True, tag="timing"):
    """The variants of this kernel are about to be timed."""

    family: str


class Done(msgspec.Struct, frozen=True, tag="done"):
    """What became of a variant."""

    variant: MeasuredVariant


Word = Checking | Timing | Done


def flushed_bytes() -> int:
    """Return what to write between two calls so that nothing of the first is cached: twice the cache."""
    return 2 * int(torch.cuda.get_device_properties(0).L2_cache_size)


def main() -> None:
    """Do as the command line says."""
    order = msgspec.json.decode(sys.stdin.buffer.read(), type=Order)
    words = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # What compilers print is none of our words.
    with tempfile.TemporaryDirectory() as folder:
        if sys.argv[1] == "compile":
            part, parts = map(int, sys.argv[2:])
            _compile(msgspec.structs.replace(order, variants=order.variants[part::parts]), Path(folder))
        else:
            _time(order, Path(folder), words)


def _compile(order: Order, folder: Path) -> None:
    """Compile variants into Triton's cache; run none. Those that do not compile fail again when they run."""
    for family, variants in _families(order):
        inputs = _inputs(family)
        for variant in variants:
            # The boundary to kernels: a compiler raises what it likes.
            with contextlib.suppress(Exception), _launches(warmup=True):
                _entry_point(family, variant, folder)(*inputs)


def _time(order: Order, folder: Path, words: TextIO) -> None:
    """Check the variants of one kernel after another, then time those that are right together."""
    flush = torch.empty(flushed_bytes(), dtype=torch.int8, device=DEVICE)
    for family, variants in _families(order):
        inputs = _inputs(family)
        expected = _expected(family, inputs)
        able: list[tuple[MeasuredVariant, Call]] = []
        for variant in variants:
            _say(words, Checking(family.name, variant.label))
            told, call = _checked(family, variant, folder, inputs, expected)
            if told.passed:
                able.append((told, call))
            else:
                _say(words, Done(told))
        del expected
        _say(words, Timing(family.name))
        for (told, _), samples in zip(
            able, timed([call for _, call in able], order.rounds, flush), strict=True
        ):
            low, high = interval(samples)
            _say(words, Done(msgspec.structs.replace(
                told, median_ms=statistics.median(samples), low_ms=low, high_ms=high, samples=len(samples)
            )))  # fmt: skip
        torch.cuda.empty_cache()


def _families(order: Order) -> Iterator[tuple[Family, list[Variant]]]:
    """Yield each kernel with those of its variants that are ordered."""
    for name in dict.fromkeys(family for family, _ in order.variants):
        family = load_family(name)
        wanted = {label for each, label in order.variants if each == name}
        yield family, [each for each in family.variants if each.label in wanted]


def _inputs(family: Family) -> Tensors:
    """Return the inputs at the timed sizes."""
    generator = torch.Generator(DEVICE).manual_seed(0)
    inputs: Tensors = _reference(family).make_inputs(family.timed, generator, DEVICE)
    return inputs


def _expected(family: Family, inputs: Tensors) -> torch.Tensor:
    """Return the reference's output, computed in float64."""
    wide = (each.double() if each.is_floating_point() else each for each in inputs)
    expected: torch.Tensor = _reference(family).reference(*wide)
    return expected


def _reference(family: Family) -> ModuleType:
    module = ModuleType(f"reference_{family.name}")
    exec(compile(family.task.reference, f"{family.name}/reference.py", "exec"), module.__dict__)
    return module


def _entry_point(family: Family, variant: Variant, folder: Path) -> Callable[..., torch.Tensor]:
    """Return the variant's entry point; Triton wants its source in a file."""
    path = folder / f"v{variant.kernel.digest}.py"
    path.write_text(variant.kernel.source)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    entry_point: Callable[..., torch.Tensor] = getattr(module, family.name)
    return entry_point


def _checked(
    family: Family, variant: Variant, folder: Path, inputs: Tensors, expected: torch.Tensor
) -> tuple[MeasuredVariant, Call]:
    """Run a variant for the first time; return how that went, with no latency yet, and its call.

    An error of the device is not caught: nothing runs on it any more.
    """

    def told(status: str, feedback: str = "", binaries: Sequence[Built] = ()) -> MeasuredVariant:
        return MeasuredVariant(
            family=family.name, label=variant.label, digest=variant.kernel.digest, status=status,
            feedback=feedback[:1000], binaries=tuple(binaries),
        )  # fmt: skip

    binaries: list[Built] = []
    try:
        entry_point = _entry_point(family, variant, folder)
        with _launches(warmup=False) as binaries:
            output = entry_point(*inputs)
    # The boundary to kernels: a compiler raises what it likes.
    except Exception as error:  # noqa: BLE001
        torch.cuda.synchronize()
        return told("failed", f"{type(error).__name__}: {error}"), lambda: torch.empty(0)
    torch.cuda.synchronize()
    wrong = difference(output, expected)
    if wrong:
        return told("wrong", wrong, binaries), lambda: output
    # What the next variant does not write must not be this one's right answer.
    output.fill_(-1)
    return told(PASSED, binaries=binaries), lambda: entry_point(*inputs)


def difference(output: torch.Tensor, expected: torch.Tensor) -> str:
    """Return in which way an output is not what is expected (computed in float64), or nothing."""
    if output.shape != expected.shape:
        return f"shape {tuple(expected.shape)} is expected, got {tuple(output.shape)}"
    if not output.is_floating_point():
        unequal = int((output != expected).sum())
        return f"{unequal} elements differ" if unequal else ""
    error = float((output.double() - expected).square().mean().sqrt() / expected.square().mean().sqrt())
    most = LARGEST_ERROR[output.dtype]
    return "" if error <= most else f"RMS error is {error:.3g} of the RMS, at most {most} is accepted"


@contextlib.contextmanager
def _launches(warmup: bool) -> Iterator[list[Built]]:
    """Compile what would be launched, and launch it unless told to warm up; fills a list of the binaries."""
    binaries: list[Built] = []
    run = JITFunction.run

    def noted(self: Any, *args: Any, grid: Any, **kwargs: Any) -> Any:
        kwargs["warmup"] = warmup
        kernel = run(self, *args, grid=grid, **kwargs)
        if not warmup:
            binaries.append(Built(
                kernel=self.fn.__name__, registers=kernel.n_regs, spills=kernel.n_spills,
                shared_bytes=kernel.metadata.shared,
            ))  # fmt: skip
        return kernel

    JITFunction.run = noted
    try:
        yield binaries
    finally:
        JITFunction.run = run


def timed(calls: Sequence[Call], rounds: int, flush: torch.Tensor) -> list[list[float]]:
    """Return the milliseconds of each call in each round: cold, all calls of a round in random order.

    Args:
        calls: what to time.
        rounds: how often.
        flush: what to write before each call, larger than the last-level cache.
    """
    rng = random.Random(0)
    samples: list[list[float]] = [[] for _ in calls]
    events = [(torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)) for _ in calls]
    for number in range(UNTIMED_ROUNDS + rounds):
        for at in rng.sample(range(len(calls)), len(calls)):
            start, end = events[at]
            torch.cuda._sleep(AHEAD_CYCLES)
            flush.zero_()
            start.record()
            calls[at]()
            end.record()
        torch.cuda.synchronize()
        if number >= UNTIMED_ROUNDS:
            for row, (start, end) in zip(samples, events, strict=True):
                row.append(start.elapsed_time(end))
    return samples


def interval(samples: Sequence[float]) -> tuple[float, float]:
    """Return the 99% interval of the median: order statistics, whatever the distribution."""
    ordered = sorted(samples)
    low = max(0, math.floor((len(ordered) - NORMAL_99 * math.sqrt(len(ordered))) / 2))
    return ordered[low], ordered[len(ordered) - 1 - low]


def _say(words: TextIO, word: Word) -> None:
    words.write(msgspec.json.encode(word).decode() + "\n")
    words.flush()


def versions() -> dict[str, str]:
    """Return the device and what runs on it."""
    return {
        "device": torch.cuda.get_device_name(0),
        "torch": str(torch.__version__),
        "triton": triton.__version__,
    }


if __name__ == "__main__":
    main()
