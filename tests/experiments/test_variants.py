"""The variants that are measured: each is a kernel that an evaluation takes; and how they are measured."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from experiments.bench.measured import Measured
from experiments.bench.measuring import difference, interval
from experiments.bench.variants import family_names, load_family
from fitness.policy import breach


@pytest.mark.parametrize("name", family_names())
def test_variants_are_kernels_that_the_policy_lets_pass(name: str) -> None:
    family = load_family(name)
    assert len(family.variants) >= 20
    assert len({each.kernel.digest for each in family.variants}) == len(family.variants)
    assert set(family.small.sizes) == set(family.timed.sizes)
    assert [breach(each.kernel.source, name) for each in family.variants] == [None] * len(family.variants)


def folder_of(tmp_path: Path, template: str, values: str) -> Path:
    (tmp_path / "plain.py").write_text(template)
    (tmp_path / "reference.py").write_text("")
    (tmp_path / "variants.toml").write_text(
        'dtype = "float32"\nsizes = { n = 8 }\nsmall = { n = 2 }\n'
        f'[[variants]]\ntemplate = "plain"\nvalues = {values}\n'
    )
    return tmp_path


def test_a_variant_is_a_template_with_its_tunables_set(tmp_path: Path) -> None:
    template = "BLOCK = 8\nWARPS = 4\nprint(BLOCK, WARPS)\n"
    family = load_family(str(folder_of(tmp_path, template, "{ WARPS = [1, 2], BLOCK = [16] }")))
    assert {each.label: each.kernel.source for each in family.variants} == {
        "plain WARPS=1 BLOCK=16": "BLOCK = 16\nWARPS = 1\nprint(BLOCK, WARPS)\n",
        "plain WARPS=2 BLOCK=16": "BLOCK = 16\nWARPS = 2\nprint(BLOCK, WARPS)\n",
    }


@pytest.mark.parametrize(
    ("template", "values", "told"),
    [
        ("BLOCK = 8\n", "{ WARPS = [1] }", "must set WARPS once, got 0 times"),
        ("WARPS = 8\nWARPS = 4\n", "{ WARPS = [1] }", "must set WARPS once, got 2 times"),
        ("WARPS = 8\n", "{ WARPS = [1, 1] }", "got twice: plain WARPS=1"),
    ],
)
def test_grids_that_do_not_fit_their_template_are_refused(
    tmp_path: Path, template: str, values: str, told: str
) -> None:
    with pytest.raises(ValueError, match=told):
        load_family(str(folder_of(tmp_path, template, values)))


@given(st.lists(st.floats(0, 1e3), min_size=1, max_size=200))
def test_the_interval_holds_the_median_and_is_made_of_samples(samples: list[float]) -> None:
    low, high = interval(samples)
    assert low in samples
    assert high in samples
    assert low <= sorted(samples)[len(samples) // 2] <= high


def test_outputs_that_differ_are_told() -> None:
    expected = torch.randn(64, 64, dtype=torch.float64)
    assert difference(expected.float(), expected) == ""
    assert difference(expected.half(), expected) == ""
    assert "RMS error" in difference((expected * 1.001).float(), expected)
    assert "RMS error" in difference(torch.full((64, 64), torch.nan), expected)
    assert "shape" in difference(expected.float()[1:], expected)
    places = torch.arange(5)
    assert difference(places, places) == ""
    assert difference(places.flip(0), places) == "4 elements differ"


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU that torch can use")
def test_variants_are_measured_once(tmp_path: Path) -> None:
    out = tmp_path / "measured.json"
    command = (sys.executable, "-m", "experiments.bench.measure_variants", "--out", str(out), "--rounds", "5")
    subprocess.run((*command, "flip"), check=True)
    first = msgspec.json.decode(out.read_bytes(), type=Measured)
    assert all(each.passed and 0 < each.low_ms <= each.median_ms <= each.high_ms for each in first.variants)
    assert len(first.variants) == len(load_family("flip").variants)
    subprocess.run((*command, "flip"), check=True)
    assert msgspec.json.decode(out.read_bytes(), type=Measured).variants == first.variants
