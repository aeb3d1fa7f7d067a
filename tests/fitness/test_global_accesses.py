from __future__ import annotations

import libcst as cst
import pytest

from evo.evaluation import Evaluation
from experiments.suites.loader import load_task
from fitness.global_accesses import WIDEST, Widths, widths_in
from operators.rewrites.constant_sizes import ConstantSizes
from tests.fitness.lab import Lab

MATMUL = load_task("matmul")
PTX = """
	@%p1 ld.global.v4.b32 { %r1, %r2, %r3, %r4 }, [ %rd1 + 0 ];
	ld.global.L1::evict_first.v2.b32 { %r1, %r2 }, [ %rd1 + 0 ];
	ld.global.b16 { %rs1 }, [ %rd2 + 0 ];
	cp.async.cg.shared.global [ %r18 + 0 ], [ %rd3 + 0 ], 0x10, %r19;
	cp.async.ca.shared.global [ %r18 + 0 ], [ %rd3 + 0 ], 8, %r19;
	st.global.b8 [ %rd2 + 0 ], { %rs1 };
	ld.shared.v4.b32 {%r1, %r2, %r3, %r4}, [%r5];
	ld.param.b64 %rd1, [kernel_param_0];
"""
AMDGCN = """
	global_load_dwordx4 v[2:5], v0, s[2:3]
	buffer_load_dword v1, v0, s[4:7], 0 offen
	buffer_load_ushort v1, v0, s[4:7], 0 offen
	global_store_dwordx2 v0, v[2:3], s[0:1]
	global_store_short v0, v2, s[0:1]
	ds_read_b128 v[0:3], v4
	s_load_dwordx4 s[0:3], s[0:1], 0x0
"""


def test_widths_are_read_off_the_assembly() -> None:
    assert widths_in(PTX, "cuda") == Widths(load=(16 + 8 + 2 + 16 + 8) / 5, store=1, usual_load=8)
    assert widths_in(AMDGCN, "hip") == Widths(load=(16 + 4 + 2) / 3, store=5, usual_load=4)


@pytest.mark.parametrize("backend", ["cuda", "hip"])
def test_what_accesses_no_memory_is_narrow_in_nothing(backend: str) -> None:
    assert widths_in("", backend) == Widths(WIDEST, WIDEST, WIDEST)  # type: ignore[arg-type]


@pytest.mark.parametrize("arch", ["gfx942", "sm_90"])
def test_a_product_whose_rows_the_compiler_takes_for_odd_is_modelled_slower(lab: Lab, arch: str) -> None:
    (variant,) = ConstantSizes().variants(cst.parse_module(MATMUL.seed.source))
    sources = (MATMUL.seed.source, variant.source())
    seed, constant = (latencies(lab.evaluate(each, MATMUL, arch)) for each in sources)
    assert constant["square"] == pytest.approx(seed["square"], rel=0.01)
    assert seed["ragged_wide"] > 1.2 * constant["ragged_wide"]


def latencies(evaluation: Evaluation) -> dict[str, float]:
    return {each.workload: each.latency_ms for each in evaluation.measurements}
