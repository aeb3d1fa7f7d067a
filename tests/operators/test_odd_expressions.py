"""Families and what they do not know: they find nothing, and never raise."""

from __future__ import annotations

import ast
import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evo.candidate import Kernel
from operators.syntax.parsing import parsed
from tests.operators.dense_kernels import ATTENTION, GELU, MASKED_MATMUL, RMS_NORM
from tests.operators.kernels import FLIP, HEAD, LAYER_NORM
from tests.operators.variants import families

FAMILIES = (*families("cuda"), *families("hip"))
JIT = f"{HEAD}\n@triton.jit\ndef k(x, n, B: tl.constexpr):\n"
ODD = [
    "",
    "# nothing\n",
    '"tl.load(x)"\n',
    "tl.load\n",
    f"{HEAD}@triton.jit\ndef k(): tl.store(0, tl.exp(1) / 2)\n",
    f"{HEAD}@triton.jit\ndef k(*args, **options): tl.load(*args, **options)\n",
    f"{HEAD}@triton.jit\ndef k(x, /, n, *, B: tl.constexpr = 4): return tl.dot(x, n)\n",
    f"{JIT}    def inner(): return tl.load(x)\n    return inner\n",
    f"{JIT}    f'{{tl.exp(x)}}'\n",
    f"{JIT}    a, (b, *c) = d = [x, n]\n    del a\n",
    f"{JIT}    tl.load(), tl.store(), tl.dot(), tl.exp(), tl.log(), tl.assume(), tl.multiple_of()\n",
    f"{JIT}    i = i = i + tl.arange(0, B)\n    tl.store(x + i, tl.exp(x - i), mask=i < n < B)\n",
    f"{JIT}    with x as y:\n        n /= y / 0\n    x[0] = y.z = tl.load(x)\n    x[0] += tl.dot(x, y)\n",
    f"{JIT}    i = (lambda: tl.load(x))()\n    return [tl.load(i) for i in range(n)] or (j := 1) / 3\n",
    f"{JIT}    while tl.load(x):\n        x = tl.load(x)\n    else:\n        x = tl.load(x)\n",
    f"{JIT}    for i in tl.range(*n):\n        a = tl.load(x)\n    for a[0] in n: pass\n",
    f"{JIT}    tl.load(x, mask=tl.arange(0, B) < n)\n\ndef f(x):\n    k[:](x, 1, 2)\n    k[()](x, 1, 2)\n"
    "    k[1:2, 3](x, n=1, B=2)\n    k[x](*x)\n    k[*x](x, x.shape[0], 4)\n",
    f"{JIT}    global n, a\n    a = tl.program_id(0)\n    a: tl.int32 = tl.program_id(0)\n",
    f"{JIT}    match x:\n        case n:\n            tl.store(x, tl.load(x))\n",
]


def looked_at(source: str) -> int:
    """Return how many variants all families find of what parses; each is a module that parses too."""
    module, found = parsed(Kernel(source)), 0
    for family in FAMILIES if module is not None else ():
        assert module is not None
        made = [(variant.summary, variant.source()) for variant in family.variants(module)]
        assert made == [(each.summary, each.source()) for each in family.variants(module)]
        for summary, variant in made:
            ast.parse(variant)
            assert variant != source
            assert "\n" not in summary
            found += 1
    return found


@pytest.mark.parametrize("source", ODD)
def test_odd_sources(source: str):
    looked_at(source)


@settings(max_examples=6, deadline=None)
@given(st.sampled_from([FLIP, LAYER_NORM, MASKED_MATMUL, ATTENTION, GELU, RMS_NORM]), st.randoms())
def test_sources_with_words_exchanged(source: str, rng: random.Random):
    words = sorted(set(re.findall(r"[\w.]+", source)))
    places = list(re.finditer(r"[\w.]+", source[len(HEAD) :]))
    for place in sorted(rng.sample(places, 2), key=lambda place: -place.start()):
        start, end = len(HEAD) + place.start(), len(HEAD) + place.end()
        source = source[:start] + rng.choice(words) + source[end:]
    looked_at(source)


@pytest.mark.parametrize(
    "line",
    [
        "a{next} = a{here} + a{here}",  # twice as many ways back with each line
        "a{next} = tl.maximum(a{here}, a{here}) * n",
        "a{next} = tl.load(x + a{here}, mask=a{here} < n) / a{here}",
    ],
)
def test_long_sources_take_no_longer_than_they_are_long(line: str):
    chain = "".join(f"    {line.format(here=at, next=at + 1)}\n" for at in range(150))
    body = f"    a0 = tl.program_id(0)\n{chain}    b = a150 * B + tl.arange(0, B)\n"
    source = f"{JIT}{body}    tl.store(x + b, tl.exp(a150 - a149), mask=b < n)\n"
    module = parsed(Kernel(source))
    assert module is not None
    for family in families("cuda"):
        for variant in list(family.variants(module))[:2]:
            ast.parse(variant.source())
