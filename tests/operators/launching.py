"""A script that runs kernels in kernevo's own interpreter, on a device of two units, and compares with torch.

python launching.py FOLDER: each file is named `<entry point>.<anything>.py`. Prints one line for each kernel
that fails. Unlike Triton's interpreter it answers for `torch.cuda`, minds bounds and fills memory
with NaN.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

os.environ["TRITON_INTERPRET"] = "1"

import msgspec
import torch

from fitness.candidate_module import load_entry_point
from fitness.devices import device_for
from fitness.host import ALLOCATIONS, host_rules
from fitness.interpreter.check import WholeGrid
from fitness.interpreter.memory import poison
from fitness.interpreter.session import interpreting, warm
from tests.operators import interpreting as plain

DEVICE = msgspec.structs.replace(device_for("gfx942"), units=2)
REFERENCES = {
    **plain.REFERENCES,
    "product": torch.matmul,
    "marching": torch.matmul,
    "rms_norm": lambda x: torch.nn.functional.rms_norm(x, x.shape[-1:], eps=1e-6),
    "squared": torch.square,
    "attention": torch.nn.functional.scaled_dot_product_attention,
}


def inputs(entry: str) -> Iterator[tuple[torch.Tensor, ...]]:
    if entry not in SIZES:
        yield from (given for given in plain.inputs(entry) if given[0].numel())
        return
    generator = torch.Generator().manual_seed(0)
    for dtype, sizes in SIZES[entry]:
        yield tuple(torch.randn(shape, generator=generator).to(dtype) for shape in sizes)


f32, f16 = torch.float32, torch.float16
PRODUCTS = [
    (f32, [(40, 50), (50, 33)]),
    (f16, [(17, 100), (100, 16)]),
    (f32, [(1, 1), (1, 1)]),
    (f32, [(16, 300), (300, 16)]),
]
SIZES = {
    "product": PRODUCTS,
    "marching": PRODUCTS,
    "rms_norm": [(f32, [(7, 130)]), (f32, [(1, 1)]), (f32, [(9, 64)])],
    "squared": [(f32, [(700,)]), (f32, [(3, 5)]), (f16, [(64, 9)])],
    "attention": [(f32, [(2, 3, 40, 16)] * 3), (f32, [(1, 1, 5, 32)] * 3)],
}


def check(path: Path) -> str:
    """Return what is wrong with a kernel, or nothing."""
    entry, source = path.name.split(".")[0], path.read_text()
    for given in inputs(entry):
        kept = [each.clone() for each in given]

        def observe(operation: str, _args: object, _kwargs: object, result: torch.Tensor) -> None:
            if operation in ALLOCATIONS:
                poison(result)

        with interpreting(DEVICE, WholeGrid()), host_rules(DEVICE, 0, "cpu", observe):
            out = load_entry_point(source, entry)(*given)
        expected = REFERENCES[entry](*(each.double() for each in given)).to(given[0].dtype)
        tolerance = 5e-3 if out.dtype is torch.float16 else 2e-5
        if out.dtype != expected.dtype or out.shape != expected.shape:
            return f"{out.dtype} {tuple(out.shape)} for {expected.dtype} {tuple(expected.shape)}"
        if not torch.allclose(out, expected, rtol=tolerance, atol=tolerance, equal_nan=True):
            return f"wrong on {[tuple(each.shape) for each in given]}: {out} for {expected}"
        if not all(torch.equal(a, b) for a, b in zip(given, kept, strict=True)):
            return "changes its input"
    return ""


if __name__ == "__main__":
    torch.set_num_threads(1)
    warm()
    paths = sorted(Path(sys.argv[1]).glob("*.py"))
    for path in paths:
        try:
            wrong = check(path)
        except Exception as error:  # noqa: BLE001  (whatever a kernel raises is what is to be shown)
            wrong = f"{type(error).__name__}: {error}"
        if wrong:
            print(f"{path.name}: {wrong}")
    print(f"{len(paths)} kernels interpreted")
