"""The variants of kernels by families that change single expressions, and a sample of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping

import libcst as cst

from operators.rewrites.alignment_hints import AlignmentHints
from operators.rewrites.cache_hints import CacheHints
from operators.rewrites.constant_sizes import ConstantSizes
from operators.rewrites.exp2 import Exp2
from operators.rewrites.family import Backend, Rewrite
from operators.rewrites.loads import Loads
from operators.rewrites.precision import Precision
from operators.rewrites.reciprocal import Reciprocal
from operators.rewrites.unmask import Unmask


def families(backend: Backend) -> tuple[Rewrite, ...]:
    """Return the families for kernels built with a backend."""
    target: tuple[Rewrite, ...] = (CacheHints(backend), Precision(backend))
    return (AlignmentHints(), ConstantSizes(), Exp2(), Loads(), Reciprocal(), Unmask(), *target)


def variants_of(source: str, backend: Backend) -> Iterator[tuple[str, str]]:
    """Yield the summary, with the family's name, and the source of each variant."""
    module = cst.parse_module(source)
    for family in families(backend):
        for variant in family.variants(module):
            yield f"{family.name}: {variant.summary}", variant.source()


def sample(variants: Mapping[str, str], count: int) -> dict[str, str]:
    """Return so many of the variants; which ones changes with the sources, and with nothing else."""
    ranked = sorted(variants, key=lambda name: hashlib.sha256((name + variants[name]).encode()).digest())
    return {name: variants[name] for name in ranked[:count]}
