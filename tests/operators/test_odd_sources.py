"""Families on sources that nobody planned for: what they do not know they leave alone."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evo.candidate import Kernel
from operators.rewrites.family import Rewrite
from operators.rewrites.helpers import Helpers
from operators.rewrites.loop_options import LoopOptions
from operators.rewrites.persistent import Persistent
from operators.rewrites.program_order import ProgramOrder
from operators.rewrites.several_rows import SeveralRows
from operators.rewrites.split_k import SplitK
from operators.rewrites.split_row import SplitRow
from operators.syntax.parsing import parsed
from tests.operators.helper_kernels import HELPED
from tests.operators.kernels import AUTOTUNED, FLIP, HEAD, LAYER_NORM, MATMUL, SOFTMAX
from tests.operators.loop_kernels import LOOPS
from tests.operators.test_split_row import WHOLE_SOFTMAX

FAMILIES: Sequence[Rewrite] = (
    Helpers(),
    LoopOptions(),
    Persistent(),
    ProgramOrder("hip"),
    SeveralRows(),
    SplitK(),
    SplitRow(),
)
SOURCES = [SOFTMAX, WHOLE_SOFTMAX, FLIP, MATMUL, AUTOTUNED, LAYER_NORM, *LOOPS.values(), *HELPED.values()]
WORDS = sorted({word for source in SOURCES for line in source.splitlines() for word in line.split()})

KERNELS = """
def k(): pass
---
def k(*args, **kwargs):
    tl.program_id(0)

def f(x):
    k[(1,)](x)
---
def k(x, /, y, *, z: tl.constexpr = 1): tl.store(x, tl.program_id(0))

def f(x): k[1](x, x, z=2)
---
def k(x):
    def inner():
        return tl.program_id(0)
    tl.store(x, inner())

def f(x):
    k[(2,)](x)
---
def k(x):
    tl.store(x, tl.program_id(x))

def f(x):
    k[lambda m: (m['x'], m[x], *m)](x)
---
def k(x):
    for tl.y in range(tl.program_id(0), 3, tl.num_programs(0)):
        pass

def f(x):
    k[2, 3](x)
---
def k(x):
    a, b = tl.swizzle2d(1, 2, 3, 4, 5)
    for i in tl.range(num_stages=2): pass

def f(x):
    k[()](x)
---
def k(x, y=k, *, z): return k(k(x, z=1), **y) if x else k

@triton.jit
def h(a, b=[1], c=x.y):
    for a.b, c in k(a): return h(c)
    return (yield a)

@triton.jit
def g(a):
    if a: a = h(a); h(*a)
    for i in a:
        a, (b, c) = h(i), g(a)
        a[0] = (lambda h: h(a) + h(a))(h)
    return h

def f(x):
    k[(1,)](x, h, z=g)
---
def k(x): 'a string'

def f(x):
    if x: k[(f'{x}',)](x); k[(
        1,  # one
        2)](x)
"""
ODD = [
    *("", "x = 1\n", '"""only a docstring"""\n', HEAD),
    *(f"{HEAD}@triton.jit\n{kernel.lstrip()}" for kernel in KERNELS.split("---\n")),
    f"{HEAD}class C:\n    @triton.jit\n    def k(x): pass\n    def f(self, x): self.k[(1,)](x)\n",
]


def compiles(source: str) -> bool:
    try:
        compile(source, "kernel", "exec")
    except SyntaxError:
        return False
    return True


def left_alone_or_valid(source: str) -> int:
    """Return how many variants there are; they come in the same order twice, and what is rendered parses."""
    module = parsed(Kernel(source))
    if module is None:
        return 0
    found = 0
    for family in FAMILIES:
        variants = family.variants(module)
        again = family.variants(module)
        assert [v.summary for v in variants] == [v.summary for v in again]
        for variant in random.Random(source).sample(list(variants), min(1, len(variants))):
            made = variant.source()
            if compiles(source):  # doubled parameters parse, yet do not
                compile(made, "kernel", "exec")
            assert made != source
            assert parsed(Kernel(made)) is not None
        found += len(variants)
    return found


@pytest.mark.parametrize("source", ODD)
def test_odd_modules(source: str):
    left_alone_or_valid(source)


@settings(max_examples=12, deadline=None)
@given(st.sampled_from(SOURCES), st.data())
def test_kernels_with_pieces_lost_doubled_or_mixed_up(source: str, data: st.DataObject):
    lines = source.splitlines()
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(lines) - 1))
        match data.draw(st.sampled_from(["lose", "double", "word", "swap"])):
            case "lose":
                lines[at] = ""
            case "double":
                lines.insert(at, lines[at])
            case "word" if lines[at].split():
                old = data.draw(st.sampled_from(lines[at].split()))
                lines[at] = lines[at].replace(old, data.draw(st.sampled_from(WORDS)), 1)
            case "swap":
                lines[at], lines[at - 1] = lines[at - 1], lines[at]
    left_alone_or_valid("\n".join(lines) + "\n")


def test_a_huge_module_is_read_in_time():
    many = SOFTMAX + "".join(
        FLIP[FLIP.index("@triton.jit") :].replace("flip", f"flip{number}") for number in range(5)
    )
    assert left_alone_or_valid(many) > 50
