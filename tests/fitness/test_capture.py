"""What ends up in a plan."""

from __future__ import annotations

import math

import msgspec
import pytest

from evo.evaluation import Status
from fitness.capture import capture, handle
from fitness.messages import CaptureReply, Captures
from fitness.plan import Allocate, Fill, Launch, TensorSpec, View
from tests.fitness.capturing import HEAD, VECTOR, captured, plan_of, refused, request, spec

pytestmark = pytest.mark.usefixtures("scratch")
ARCHES = ("gfx942", "sm_90")


def flat(buffer: int, size: int = 64, dtype: str = "float32") -> View:
    return View(buffer=buffer, offset=0, shape=(size,), stride=(1,), dtype=dtype)


@pytest.mark.parametrize("arch", ARCHES)
def test_a_plan_says_all_that_the_entry_point_did(arch: str) -> None:
    plan = plan_of(
        """
        def entry(x):
            y = torch.empty_like(x)
            copy[(4,)](x, y, x.numel(), B=16)
            return y
        """,
        arch=arch,
    )
    assert (plan.workload, plan.choice, plan.inputs) == ("w", 0, (flat(0),))
    assert plan.outputs == (flat(1),)
    assert plan.steps == (
        Allocate(buffer=1, size_bytes=256),
        Launch(kernel=0, grid=(4, 1, 1), args=(flat(0), flat(1), 64)),
    )
    (kernel,) = plan.kernels
    assert kernel.name == "copy"
    assert "tt.func public @copy(%arg0: !tt.ptr<f32> {tt.divisibility = 16 : i32" in kernel.ttir
    assert "loc(" not in kernel.ttir
    assert kernel.options["num_warps"] == 4


def test_pointers_to_small_buffers_are_within_range_on_amd_alone() -> None:
    body = "def entry(x):\n    y = torch.empty_like(x)\n    copy[(1,)](x, y, 3, B=16)\n"
    small = {arch: plan_of(body, arch=arch).kernels[0].ttir for arch in ARCHES}
    assert "pointer_range" in small["gfx942"]
    assert "pointer_range" not in small["sm_90"]
    assert "pointer_range" not in plan_of(body, spec(2**30)).kernels[0].ttir


def test_views_keep_buffer_offset_and_strides() -> None:
    plan = plan_of(
        """
        def entry(x):
            row = x[1]
            bits = x.view(torch.int32)
            turned = x.t()
            column = x[:, 2].unsqueeze(0).expand(3, 4)
            copy[(1,)](row, bits, 3, B=16)
            copy[(1,)](turned, column, 3, B=16)
            return x.reshape(-1)[4:]
        """,
        spec(4, 8),
    )
    first, second = plan.launches
    assert first.args[:2] == (
        View(buffer=0, offset=8, shape=(8,), stride=(1,), dtype="float32"),
        View(buffer=0, offset=0, shape=(4, 8), stride=(8, 1), dtype="int32"),
    )
    assert second.args[:2] == (
        View(buffer=0, offset=0, shape=(8, 4), stride=(1, 8), dtype="float32"),
        View(buffer=0, offset=2, shape=(3, 4), stride=(0, 8), dtype="float32"),
    )
    assert plan.outputs == (View(buffer=0, offset=4, shape=(28,), stride=(1,), dtype="float32"),)


def test_an_unaligned_view_is_not_claimed_to_be_aligned() -> None:
    body = "def entry(x):\n    copy[(1,)](x[{}:], x, 3, B=16)\n"
    for offset, aligned in ((1, False), (2, False), (4, True)):
        first = plan_of(body.format(offset)).kernels[0].ttir.split("%arg1")[0]
        assert ("tt.divisibility = 16" in first) is aligned


@pytest.mark.parametrize(
    ("made", "value"),
    [
        ("torch.zeros(8, device='cuda')", 0),
        ("torch.zeros_like(x)", 0),
        ("x.new_zeros(8)", 0),
        ("torch.ones((2, 4), device=x.device)", 1),
        ("torch.ones_like(x)", 1),
        ("x.new_ones((3,))", 1),
        ("torch.full((8,), 2.5, device='cuda')", 2.5),
        ("torch.full((8,), fill_value=7, device='cuda', dtype=torch.int32)", 7),
        ("torch.full_like(x, -1.5)", -1.5),
        ("torch.full_like(x, fill_value=3)", 3),
        ("x.new_full((4,), 9.0)", 9.0),
        ("torch.full((8,), float('-inf'), device='cuda')", -math.inf),
        ("torch.full((8,), True, device='cuda')", True),
    ],
)
def test_filled_tensors_are_an_allocation_and_a_fill(made: str, value: float) -> None:
    plan = plan_of(f"def entry(x):\n    return {made}\n")
    allocation, fill = plan.steps
    (output,) = plan.outputs
    assert fill == Fill(view=output, value=value)
    assert isinstance(allocation, Allocate)
    assert (allocation.buffer, output.buffer) == (1, 1)
    assert allocation.size_bytes > 0


def test_fills_in_place_name_the_view_that_they_fill() -> None:
    plan = plan_of(
        "def entry(x):\n    y = torch.empty(8, device='cuda')\n    y[2:4].fill_(3.5)\n    y.zero_()\n"
        "    y[1] = 2.0\n    return y\n"
    )
    assert plan.steps[1:] == (
        Fill(view=View(buffer=1, offset=2, shape=(2,), stride=(1,), dtype="float32"), value=3.5),
        Fill(view=flat(1, 8), value=0),
        Fill(view=View(buffer=1, offset=1, shape=(), stride=(), dtype="float32"), value=2.0),
    )


@pytest.mark.parametrize(
    ("made", "size"),
    [
        ("torch.empty(3, 5, device='cuda')", 60),
        ("torch.empty(3, device=x.device, dtype=torch.float16)", 6),
        ("torch.empty_like(x, dtype=torch.int64)", 512),
        ("torch.empty_strided((2, 3), (8, 1), device='cuda')", 44),
        ("x.new_empty(0)", 0),
        ("torch.empty((), device='cuda')", 4),
    ],
)
def test_allocations_have_their_size_in_bytes(made: str, size: int) -> None:
    assert plan_of(f"def entry(x):\n    return {made}\n").steps == (Allocate(buffer=1, size_bytes=size),)


def test_a_buffer_is_allocated_once_and_not_reused_when_freed() -> None:
    plan = plan_of(
        """
        def entry(x):
            for _ in range(3):
                y = torch.empty_like(x)
                copy[(1,)](x, y, 3, B=16)
            return y
        """
    )
    assert [step.buffer for step in plan.steps if isinstance(step, Allocate)] == [1, 2, 3]
    assert [launch.args[1] for launch in plan.launches] == [flat(1), flat(2), flat(3)]
    assert len(plan.kernels) == 1


def test_launches_keep_their_order_and_their_specialisations() -> None:
    plan = plan_of(
        """
        def entry(x):
            y = torch.empty_like(x)
            for n in (16, 16, 17, 1):
                copy[(n,)](x, y, n, B=16)
            copy[(1,)](x, y, 16, B=32)
            return y
        """
    )
    assert [(each.kernel, each.grid[0], each.args[2:]) for each in plan.launches] == [
        (0, 16, (16,)), (0, 16, (16,)), (1, 17, (17,)), (2, 1, ()), (3, 1, (16,)),
    ]  # fmt: skip


ARGUMENTS = """import torch
import triton
import triton.language as tl

@triton.jit
def k(x, a, b, c, d, e, B: tl.constexpr = 16):
    at = tl.arange(0, B)
    v = tl.load(x + at)
    if b is not None:
        v += a
    tl.store(x + at, v * d + c + e)

"""


@pytest.mark.parametrize(
    ("call", "told"),
    [
        ("k[(1,)](x, 5, None, 2.5, True, 2**40)", (5, 2.5, True, 2**40)),
        ("k[(1,)](x, a=5, c=2.5, b=None, e=-3, d=False)", (5, 2.5, False, -3)),
        ("k[(1,)](x, 1, 1, 1.0, True, 0)", (1.0, True, 0)),
        ("k[(1,)](x, -7, 2**63, float('inf'), 3, 16, B=32)", (-7, 2**63, math.inf, 3, 16)),
    ],
)
def test_numbers_are_arguments_unless_they_are_specialised_away(call: str, told: tuple[float, ...]) -> None:
    plan = plan_of(f"def entry(x):\n    {call}\n", head=ARGUMENTS)
    (launch,) = plan.launches
    assert launch.args == (flat(0), *told)
    assert [type(each) for each in launch.args[1:]] == [type(each) for each in told]


@pytest.mark.parametrize(
    ("grid", "told"),
    [
        ("(3,)", (3, 1, 1)),
        ("(3, 4)", (3, 4, 1)),
        ("(3, 4, 5)", (3, 4, 5)),
        ("[3]", (3, 1, 1)),
        ("lambda meta: (triton.cdiv(64, meta['B']),)", (4, 1, 1)),
        ("lambda meta: (meta['n'], meta['B'], 2)", (64, 16, 2)),
    ],
)
def test_grids_have_three_dimensions(grid: str, told: tuple[int, int, int]) -> None:
    plan = plan_of(f"def entry(x):\n    copy[{grid}](x, x, n=x.numel(), B=16)\n")
    assert plan.launches[0].grid == told


def test_a_grid_of_no_programs_launches_nothing() -> None:
    assert plan_of("def entry(x):\n    copy[(0, 5)](x, x, 3, B=16)\n").launches == ()


@pytest.mark.parametrize("grid", ["(-1,)", "(2.5,)", "('a',)", "(2, -3)"])
def test_a_grid_that_is_none_is_the_candidates_fault(grid: str) -> None:
    assert refused(f"def entry(x):\n    copy[{grid}](x, x, 3, B=16)\n").status is Status.CRASHED


@pytest.mark.parametrize(
    ("returned", "outputs"),
    [
        ("None", ()),
        ("x", (flat(0),)),
        ("(x, y)", (flat(0), flat(1))),
        ("[y, y]", (flat(1), flat(1))),
        ("y[0]", (View(buffer=1, offset=0, shape=(), stride=(), dtype="float32"),)),
    ],
)
def test_outputs_are_tensors_alone_or_in_a_tuple_or_list(returned: str, outputs: tuple[View, ...]) -> None:
    plan = plan_of(f"def entry(x):\n    y = torch.empty_like(x)\n    return {returned}\n")
    assert plan.outputs == outputs


def test_inputs_are_views_numbers_and_none() -> None:
    turned = TensorSpec(shape=(4, 3), stride=(1, 4), dtype="float16")
    plan = plan_of(
        "def entry(a, n, b, s, f):\n    assert n == 3 and b is None and f\n", turned, 3, None, spec(2), True
    )
    view = View(buffer=0, offset=0, shape=(4, 3), stride=(1, 4), dtype="float16")
    assert plan.inputs == (view, 3, None, flat(1, 2), True)


def test_nested_jit_functions_are_one_kernel() -> None:
    head = (
        HEAD
        + "@triton.jit\ndef twice(v):\n    return v + helper(v)\n@triton.jit\ndef helper(v):\n    return v\n"
        + (
            "@triton.jit\ndef k(x, B: tl.constexpr):\n    at = tl.arange(0, B)\n"
            "    tl.store(x + at, twice(tl.load(x + at)))\n"
        )
    )
    plan = plan_of("def entry(x):\n    k[(1,)](x, B=16)\n", head=head)
    assert [kernel.name for kernel in plan.kernels] == ["k"]
    assert "tt.call" not in plan.kernels[0].ttir


def test_options_of_a_launch_are_kept() -> None:
    body = "def entry(x):\n    copy[(1,)](x, x, 3, B=16, num_warps=8, num_stages=1{})\n"
    amd = plan_of(body.format(", waves_per_eu=2, kpack=2, matrix_instr_nonkdim=16")).kernels[0].options
    names = ("num_warps", "num_stages", "waves_per_eu", "kpack", "matrix_instr_nonkdim")
    assert [amd[name] for name in names] == [
        8, 1, 2, 2, 16,
    ]  # fmt: skip
    nvidia = plan_of(body.format(", maxnreg=128"), arch="sm_90").kernels[0].options
    assert (nvidia["num_warps"], nvidia["num_stages"], nvidia["maxnreg"]) == (8, 1, 128)


@pytest.mark.parametrize(
    ("arch", "product", "units"), [("gfx942", "AMD MI300X", 304), ("sm_90", "NVIDIA H200", 132)]
)
def test_host_code_sees_the_device_of_the_request(arch: str, product: str, units: int) -> None:
    body = f"""
    def entry(x):
        properties = torch.cuda.get_device_properties(x.device)
        told = (torch.cuda.get_device_name(), properties.multi_processor_count, x.is_cuda, str(x.device))
        assert told == ({product!r}, {units}, True, "cuda:0"), told
        assert torch.cuda.is_available() and torch.cuda.device_count() == 1
        assert (torch.version.hip is None) == ({arch!r} == "sm_90")
        active = triton.runtime.driver.active
        assert active.get_current_target().arch == {90 if arch == "sm_90" else arch!r}
        assert active.utils.get_device_properties(0)["multiprocessor_count"] == {units}
        with torch.cuda.device(x.device):
            torch.cuda.synchronize()
    """
    assert plan_of(body, arch=arch).steps == ()


def test_the_same_request_gives_the_same_reply() -> None:
    asked = request(
        "def entry(x):\n    y = torch.zeros_like(x)\n    copy[(4,)](x, y, 64, B=16)\n    return y\n", VECTOR
    )
    assert capture(asked) == capture(asked)


def test_comments_and_blank_lines_do_not_change_a_capture() -> None:
    body = "def entry(x):\n    copy[(4,)](x, x, 64, B=16)\n"
    assert captured(body) == captured("# a note\n\n" + body + "# the end\n")


def test_equal_sized_sources_in_one_folder_are_not_mixed_up() -> None:
    grids = [
        plan_of(f"def entry(x):\n    copy[({n},)](x, x, 64, B=16)\n").launches[0].grid[0] for n in range(1, 8)
    ]
    assert grids == list(range(1, 8))


def test_each_workload_is_captured_in_order() -> None:
    asked = request("def entry(x):\n    copy[(x.numel(),)](x, x, 64, B=16)\n")
    many = type(asked)(
        source=asked.source, entry_point="entry", arch="gfx942",
        workloads=tuple((f"w{n}", (spec(n),)) for n in (3, 1, 2)),
    )  # fmt: skip
    reply = capture(many)
    assert isinstance(reply, Captures)
    told = [(each.workload, each.alternatives[0].launches[0].grid[0]) for each in reply.captured]
    assert told == [("w3", 3), ("w1", 1), ("w2", 2)]


def test_the_handler_takes_and_gives_bytes() -> None:
    asked = request("def entry(x):\n    copy[(4,)](x, x, 64, B=16)\n")
    reply = msgspec.msgpack.decode(handle(msgspec.msgpack.encode(asked)), type=CaptureReply)  # type: ignore[arg-type, var-annotated]
    assert reply == capture(asked)
