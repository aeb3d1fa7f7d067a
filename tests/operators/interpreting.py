"""A script that runs kernels under Triton's interpreter and compares them with torch.

python interpreting.py FOLDER: each file is named `<entry point>.<anything>.py`. Prints one line for each
kernel that fails.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterator
from pathlib import Path

os.environ["TRITON_INTERPRET"] = "1"

import torch

INFINITY = float("inf")


def norm(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.layer_norm(x, x.shape[-1:], w)


REFERENCES = {
    "softmax": lambda x: torch.softmax(x, -1),
    "flip": lambda x: torch.flip(x, (-1,)),
    "log_softmax": lambda x: torch.log_softmax(x, -1),
    "layer_norm": norm,
    "masked_matmul": torch.matmul,
    "attention": lambda q, k, v: torch.softmax(q @ k.mT / q.shape[-1] ** 0.5, -1) @ v,
    "gelu": lambda x: torch.nn.functional.gelu(x, approximate="tanh"),
    "rms_norm": lambda x, w: x * torch.rsqrt((x * x).mean(-1, keepdim=True) + 1e-6),
    "add": torch.add,
}


SHAPES = {
    "masked_matmul": [((16, 64), (64, 32)), ((5, 40), (40, 17))],
    "attention": [((64, 16),) * 3, ((45, 16),) * 3, ((1, 16),) * 3],
    "gelu": [((256,),), ((3, 67),), ((1,),)],
    "rms_norm": [((3, 64), (64,)), ((4, 50), (50,)), ((1, 1), (1,))],
    "add": [((1024,), (1024,)), ((515,), (515,))],
}


def inputs(entry: str) -> Iterator[tuple[torch.Tensor, ...]]:
    generator = torch.Generator().manual_seed(0)
    if entry in SHAPES:
        for shapes in SHAPES[entry]:
            yield tuple(torch.randn(shape, generator=generator) for shape in shapes)
        return
    for shape, dtype in (
        ((3, 300), torch.float32),
        ((2, 1), torch.float32),
        ((2, 128), torch.float32),
        ((2, 131), torch.float16),
        ((2, 2, 7), torch.float32),
    ):
        if entry in ("layer_norm", "log_softmax") and (len(shape) == 3 or dtype is torch.float16):
            continue
        x = (4 * torch.randn(shape, generator=generator)).to(dtype)
        if entry == "layer_norm":
            yield x, torch.randn(shape[-1], generator=generator)
            continue
        yield (x,)
        if shape[-1] > 100 and entry != "flip":
            x = x.clone()
            x[0, :100] = -INFINITY  # whole blocks that hold nothing
            x[-1, -2:] = -INFINITY
            yield (x,)
    if entry == "softmax":
        yield (torch.full((1, 5), -INFINITY),)
        yield (torch.tensor([[0.0, INFINITY, 1.0]]),)
        yield (torch.empty((0, 4)),)
        yield (torch.empty((4, 0)),)


def check(path: Path) -> str:
    """Return what is wrong with a kernel, or nothing."""
    spec = importlib.util.spec_from_file_location(path.stem.replace(".", "_"), path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    entry = path.name.split(".")[0]
    for given in inputs(entry):
        kept = [each.clone() for each in given]
        out = getattr(module, entry)(*given)
        expected = REFERENCES[entry](*(each.double() for each in given)).to(given[0].dtype)
        tolerance = 2e-3 if out.dtype is torch.float16 else 2e-5
        if out.dtype != expected.dtype or out.shape != expected.shape:
            return f"{out.dtype} {tuple(out.shape)} for {expected.dtype} {tuple(expected.shape)}"
        if not torch.allclose(out, expected, rtol=tolerance, atol=1e-5, equal_nan=True):
            return f"wrong on {given}: {out} for {expected}"
        if not all(torch.equal(a, b) for a, b in zip(given, kept, strict=True)):
            return "changes its input"
    return ""


if __name__ == "__main__":
    torch.set_num_threads(1)
    paths = sorted(Path(sys.argv[1]).glob("*.py"))
    for path in paths:
        try:
            wrong = check(path)
        except Exception as error:  # noqa: BLE001  (whatever a kernel raises is what is to be shown)
            wrong = f"{type(error).__name__}: {error}"
        if wrong:
            print(f"{path.name}: {wrong}")
    print(f"{len(paths)} kernels interpreted")
