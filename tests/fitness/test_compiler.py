from __future__ import annotations

import msgspec
import pytest

from evo.evaluation import Status
from fitness.carried import registers_carried
from fitness.compiler import compile_plans
from fitness.messages import Binary, Compiled, CompileRequest, Unbuilt
from fitness.plan import Plan, plan_digest
from tests.fitness.capturing import HEAD, captured, plan_of, spec

pytestmark = pytest.mark.usefixtures("scratch")
ARCHES = ("gfx942", "sm_90")
ENTRY = "def entry(x):\n    y = torch.empty_like(x)\n    copy[(4,)](x, y, x.numel(), B=64{})\n    return y\n"

DOT = """
@triton.jit
def dot(a, b, c, K, M: tl.constexpr, N: tl.constexpr, BK: tl.constexpr):
    m, n, k = tl.arange(0, M), tl.arange(0, N), tl.arange(0, BK)
    total = tl.zeros((M, N), tl.float32)
    for start in range(0, K, BK):
        x = tl.load(a + m[:, None] * K + start + k[None, :])
        y = tl.load(b + (start + k[:, None]) * N + n[None, :])
        total += tl.dot(x, y)
    tl.store(c + m[:, None] * N + n[None, :], total)

def entry(x):
    dot[(1,)](x, x, x, 4096, M=256, N=256, BK=64, num_stages=3, num_warps=8)
"""


def compiled(*plans: Plan, arch: str) -> Compiled:
    reply = compile_plans(CompileRequest(arch=arch, plans=plans))
    assert isinstance(reply, Compiled), reply
    return reply


def binary_of(plan: Plan, arch: str) -> Binary:
    (binary,) = compiled(plan, arch=arch).binaries
    return binary


def unbuilt_of(plan: Plan, arch: str) -> Unbuilt:
    (unbuilt,) = compiled(plan, arch=arch).unbuilt
    return unbuilt


@pytest.mark.parametrize(("arch", "carried"), [("gfx942", 1024), ("sm_90", 2048)])
def test_a_loop_that_carries_far_more_than_fits_is_not_compiled(arch: str, carried: int) -> None:
    plan = plan_of(DOT.replace("num_warps=8", "num_warps=1"), spec(1 << 20), arch=arch)
    told = unbuilt_of(plan, arch)
    assert told.status is Status.OUT_OF_RESOURCES
    assert f"a loop carries {carried} registers a thread with num_warps=1" in told.feedback


def test_what_loops_carry_is_counted_by_loop_and_element() -> None:
    loop = "%9:2 = scf.for %i = %a to %b step %c iter_args(%x = %p, %y = %q) -> ({}) : i32 {{"
    outer = loop.format("tensor<64x32xbf16>, f32")
    inner = loop.format("tensor<64x128xf32>, tensor<64x!tt.ptr<f16>>")
    assert registers_carried(outer, 64) == 16
    assert registers_carried(f"{outer}\n  {inner}\n", 64) == 128
    assert registers_carried("scf.yield", 64) == 0


@pytest.mark.parametrize("arch", ARCHES)
def test_a_binary_says_what_it_takes(arch: str) -> None:
    plan = plan_of(ENTRY.format(", num_warps=2"), spec(256), arch=arch)
    binary = binary_of(plan, arch)
    assert binary.kernel == plan.kernels[0].digest
    assert (binary.name, binary.warps, binary.shared_bytes, binary.spills) == ("copy", 2, 0, 0)
    assert binary.code.startswith(b"\x7fELF")
    assert 0 < binary.registers < 64


@pytest.mark.parametrize("arch", ARCHES)
def test_comments_and_moved_lines_give_the_same_binary_and_plan_digest(arch: str) -> None:
    digests = set()
    for head in (HEAD, "# moved\n\n" + HEAD.replace("    at =", "    # a note\n    at =") + "# end\n"):
        capture = captured(ENTRY.format(""), spec(256), arch=arch, head=head)
        binary = binary_of(capture.alternatives[0], arch)
        digests.add((binary.digest, plan_digest((capture,), {binary.kernel: binary.digest})))
    assert len(digests) == 1


def test_two_plans_with_one_kernel_are_compiled_once() -> None:
    plan = plan_of(ENTRY.format(""), spec(256))
    assert len(compiled(plan, plan, arch="gfx942").binaries) == 1


def test_shared_memory_beyond_the_units_is_out_of_resources() -> None:
    # 64 KB of LDS on MI300X; 227 KB on an H200.
    half = spec(2**20, dtype="float16")
    fault = unbuilt_of(plan_of(DOT, half), "gfx942")
    assert fault.status is Status.OUT_OF_RESOURCES
    assert "bytes of shared memory" in fault.feedback
    assert "65536" in fault.feedback
    small = DOT.replace("M=256, N=256", "M=128, N=64")
    binary = binary_of(plan_of(small, half, arch="sm_90"), "sm_90")
    assert 0 < binary.shared_bytes <= 232448


def test_more_threads_than_a_program_may_have_is_out_of_resources() -> None:
    fault = unbuilt_of(plan_of(ENTRY.format(", num_warps=32"), spec(256)), "gfx942")
    assert fault.status is Status.OUT_OF_RESOURCES
    assert "num_warps=32 makes 2048 threads" in fault.feedback
    plan = plan_of(ENTRY.format(", num_warps=32"), spec(256), arch="sm_90")
    assert binary_of(plan, "sm_90").warps == 32


HELD = """
@triton.jit
def held(x, B: tl.constexpr):
    at = tl.arange(0, B)
    v = tl.load(x + at)
    tl.store(x + at, v - tl.sum(v))

def entry(x):
    held[(1,)](x, B=8192, num_warps=1{})
"""


@pytest.mark.parametrize(
    ("arch", "squeeze", "most"), [("gfx942", ", waves_per_eu=8", 64), ("sm_90", ", maxnreg=64", 64)]
)
def test_registers_and_spills_are_told(arch: str, squeeze: str, most: int) -> None:
    roomy = binary_of(plan_of(HELD.format(""), spec(8192), arch=arch), arch)
    tight = binary_of(plan_of(HELD.format(squeeze), spec(8192), arch=arch), arch)
    assert roomy.registers > 128 >= most >= tight.registers > 0
    assert tight.spills > roomy.spills


def test_an_alternative_that_does_not_fit_leaves_the_others() -> None:
    entry = DOT.replace(
        "@triton.jit",
        "@triton.autotune(configs=[triton.Config({'M': m, 'N': 64, 'BK': 32}, "
        "num_stages=s) for m, s in ((64, 1), (256, 8))], key=['K'])\n@triton.jit",
    )
    entry = entry.replace("M=256, N=256, BK=64, num_stages=3, num_warps=8", "").replace("4096, )", "4096)")
    plans = captured(entry, spec(2**20, dtype="float32")).alternatives
    reply = compiled(*plans, arch="gfx942")
    assert [each.kernel for each in reply.binaries] == [plans[0].kernels[0].digest]
    assert [(each.kernel, each.status) for each in reply.unbuilt] == [
        (plans[1].kernels[0].digest, Status.OUT_OF_RESOURCES)
    ]


@pytest.mark.parametrize(
    ("name", "value", "status"),
    [
        ("num_warps", 3, Status.COMPILE_ERROR),
        ("num_warps", "4", Status.COMPILE_ERROR),
        ("num_ctas", 2, Status.COMPILE_ERROR),
        ("num_stages", 99, Status.COMPILE_ERROR),
        ("launch_cooperative_grid", True, Status.COMPILE_ERROR),
        ("ir_override", "/etc/passwd", Status.UNSUPPORTED),
        ("extern_libs", "x", Status.UNSUPPORTED),
    ],
)
def test_options_that_cannot_be_honoured_are_told(name: str, value: object, status: Status) -> None:
    plan = plan_of(ENTRY.format(""), spec(256))
    kernel = plan.kernels[0]
    changed = msgspec.structs.replace(kernel, options={**kernel.options, name: value})
    fault = unbuilt_of(msgspec.structs.replace(plan, kernels=(changed,)), "gfx942")
    assert (fault.status, name in fault.feedback) == (status, True)
