"""The compiler room's checks of IR and of what it claims, on kernels that Triton's front end made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from evo.evaluation import Status
from fitness.compiler import compile_plans
from fitness.ir_check import parameters_of
from fitness.messages import Compiled, CompileFault, CompileRequest
from fitness.plan import Allocate, Plan, View
from tests.fitness.capturing import HEAD, plan_of, spec

pytestmark = pytest.mark.usefixtures("scratch")
ENTRY = "def entry(x):\n    y = torch.empty_like(x)\n    copy[(4,)](x, y, x.numel(), B=16)\n    return y\n"
KERNEL = """
from triton.language.extra import libdevice

@triton.jit
def k(x, B: tl.constexpr):
    at = tl.arange(0, B)
    {}

def entry(x):
    k[(1,)](x, B=16)
"""


def reply_to(plan: Plan, arch: str = "gfx942") -> Any:
    return compile_plans(CompileRequest(arch=arch, plans=(plan,)))


def rejected(plan: Plan, arch: str = "gfx942") -> str:
    reply = reply_to(plan, arch)
    assert isinstance(reply, CompileFault), reply
    assert reply.status is Status.REJECTED, reply
    return reply.feedback


def edited(plan: Plan, old: str, new: str) -> Plan:
    """Return the plan with its first kernel's IR changed."""
    kernel = plan.kernels[0]
    assert old in kernel.ttir, kernel.ttir
    changed = msgspec.structs.replace(kernel, ttir=kernel.ttir.replace(old, new, 1))
    return msgspec.structs.replace(plan, kernels=(changed, *plan.kernels[1:]))


def with_args(plan: Plan, change: Callable[[tuple[Any, ...]], tuple[Any, ...]]) -> Plan:
    steps = tuple(
        msgspec.structs.replace(step, args=change(step.args)) if hasattr(step, "args") else step
        for step in plan.steps
    )
    return msgspec.structs.replace(plan, steps=steps)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("tl.store(x + at, 1.0); tl.device_print('x', at)", "tt.print prints"),
        (
            "tl.store(x + at, tl.inline_asm_elementwise('s_nop 0', '=r,r', [at], tl.int32, True, 1))",
            "tt.elementwise_inline_asm holds inline assembly",
        ),
        ("tl.store(tl.cast(at.to(tl.int64), tl.pointer_type(tl.float32)), 1.0)", "tt.int_to_ptr"),
        ("tl.store(x + at, (x.to(tl.int64) % 3).to(tl.float32))", "tt.ptr_to_int"),
        ("odd = x.to(tl.int64) % 32 != 0; tl.assume(odd); tl.store(x + at, 1.0, mask=odd)", "tt.ptr_to_int"),
        (
            "tl.store(tl.load(x.to(tl.pointer_type(tl.pointer_type(tl.float32)))), 1.0)",
            "a pointer to pointers",
        ),
    ],
)
def test_what_kernels_may_not_do_is_rejected(line: str, told: str) -> None:
    assert told in rejected(plan_of(KERNEL.format(line), spec(64)))


@pytest.mark.parametrize("arch", ["gfx942", "sm_90"])
@pytest.mark.parametrize(
    "line",
    [
        "tl.store(x + at, libdevice.tanh(tl.load(x + at)))",
        "tl.store(x + at, tl.load(x + at)); tl.debug_barrier(); tl.store(x + at, 1.0)",
        "tl.assume(x.to(tl.int64) > 0); tl.store(x + at, 1.0)",
        "tl.assume((x.to(tl.int64) % 16 == 0) & (x.to(tl.int64) > 0)); tl.store(x + at, 1.0)",
        "tl.store(x + at, tl.load(tl.multiple_of(tl.max_contiguous(x + at, 16), 16)))",
        "tl.atomic_add(x + at, 1.0)",
        "tl.store(x + at, tl.exp2(tl.load(x + at)) + tl.sum(tl.load(x + at)) + tl.cumsum(at))",
        "tl.store(x + at, tl.sort(tl.load(x + at)))",
        "tl.store(x + at, tl.rand(3, at))",
    ],
)
def test_what_honest_kernels_use_is_compiled(line: str, arch: str) -> None:
    reply = reply_to(plan_of(KERNEL.format(line), spec(64), arch=arch), arch)
    assert isinstance(reply, Compiled), reply
    assert (len(reply.binaries), reply.unbuilt) == (1, ()), reply.unbuilt


@pytest.mark.parametrize("value", ["0.125", "-2.5e-7", "float('inf')", "float('nan')", "7", "16"])
def test_a_number_that_is_not_whole_is_passed(value: str) -> None:
    body = f"""
@triton.jit
def k(x, scale):
    tl.store(x, tl.load(x) * scale)

def entry(x):
    k[(1,)](x, {value})
"""
    reply = reply_to(plan_of(body, spec(64)))
    assert isinstance(reply, Compiled), reply


def test_amds_own_device_library_may_be_called() -> None:
    line = "tl.store(x + at, libdevice.fast_dividef(tl.load(x + at), 3.0))"
    head = HEAD + "from triton.language.extra.hip import libdevice\n"
    body = KERNEL.format(line).replace("from triton.language.extra import libdevice\n", "")
    reply = reply_to(plan_of(body, spec(64), head=head))
    assert isinstance(reply, Compiled), reply


CALL = '{libname = "", libpath = "", pure = true, symbol = "__ocml_tanh_f32"}'


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('libpath = ""', 'libpath = "/tmp/mine.bc"', "/tmp/mine.bc"),
        ('symbol = "__ocml_tanh_f32"', 'symbol = "system"', "'system'"),
        ("tt.return", '"gpu.printf"() {format = "x"} : () -> ()\n    tt.return', "gpu.printf is of"),
        ("tt.return", '"\\6clvm.fence"() <{ordering = 5 : i64}> : () -> ()\n    tt.return', "llvm.fence"),
        (
            "tt.return",
            '"llvm.inline_asm"() {asm_string="",constraints=""} : () -> ()\n    tt.return',
            "llvm.inline_asm is of a dialect",
        ),
        (
            "tt.return",
            '"\\74\\74.int_to_ptr"(%c5) : (i64) -> !tt.ptr<f32>\n    tt.return',
            None,
        ),
        ("tt.func", "tt.func private @other() { tt.return }\n  tt.func", "one function"),
        ("tt.func", "module { }\n  tt.func", "one module"),
        ("module {", 'module attributes {"ttg.num-warps" = 1 : i32} {', "claims"),
        ("module {", "module @named {", "claims"),
        ("noinline = false", 'noinline = false, passthrough = ["x"]', "claims"),
        ("noinline = false", "noinline = true", "claims"),
        ("tt.divisibility = 16 : i32", "tt.divisibility = dense<64> : tensor<1xi32>", "claims"),
        ("tt.divisibility = 16 : i32", "tt.divisibility = 16 : i32, tt.contiguity = 64 : i32", "claims"),
        ("tt.divisibility = 16 : i32", "llvm.noalias", "claims"),
        ("tt.divisibility = 16 : i32", "tt.divisibility = 64 : i32", "multiple of 64"),
        ("tt.divisibility = 16 : i32", "tt.divisibility = 0 : i32", "multiple of 0"),
        ("tt.divisibility = 16 : i32", "tt.divisibility = 16 : i32, tt.pointer_range = 16 : i32", "16 bits"),
    ],
)  # fmt: skip
def test_tampered_ir_is_rejected(old: str, new: str, told: str | None) -> None:
    body = KERNEL.format("tl.store(x + at, libdevice.tanh(tl.load(x + at)))")
    plan = plan_of(body, spec(2**30))
    assert CALL in plan.kernels[0].ttir
    reply = reply_to(edited(plan, old, new))
    assert isinstance(reply, CompileFault), reply
    if told is None:
        assert reply.status in (Status.REJECTED, Status.COMPILE_ERROR)
    else:
        assert (reply.status, told in reply.feedback) == (Status.REJECTED, True), reply.feedback


def test_a_false_claim_of_divisibility_is_rejected() -> None:
    plan = plan_of(ENTRY, spec(64))
    moved = with_args(plan, lambda args: (msgspec.structs.replace(args[0], offset=1, shape=(8,)), *args[1:]))
    assert "argument 0 (!tt.ptr<f32>): claimed to be a multiple of 16" in rejected(moved)
    uneven = with_args(plan, lambda args: (*args[:2], 63))
    assert "argument 2 (i32): claimed to be a multiple of 16, got 63" in rejected(uneven)


@pytest.mark.parametrize("value", [0.1, -3.0, 1e-5, float("inf"), float("nan")])
def test_floating_point_arguments_need_no_claim(value: float) -> None:
    body = "@triton.jit\ndef k(x, scale):\n    tl.store(x, scale)\n\ndef entry(x):\n    k[(1,)](x, 0.5)\n"
    plan = with_args(plan_of(body, spec(64)), lambda args: (args[0], value))
    assert isinstance(reply_to(plan), Compiled)
    told = rejected(edited(plan, ": f32) attributes", ": f32 {tt.divisibility = 1 : i32}) attributes"))
    assert "argument 1 (f32): claimed to be a multiple of 1" in told


def test_a_false_claim_of_range_is_rejected() -> None:
    plan = plan_of(ENTRY, spec(64))
    big = View(buffer=2, offset=0, shape=(64,), stride=(1,), dtype="float32")
    grown = msgspec.structs.replace(plan, steps=(Allocate(2, 2**31), *plan.steps))
    assert "within 2 GiB" in rejected(with_args(grown, lambda args: (big, *args[1:])))
    fits = msgspec.structs.replace(plan, steps=(Allocate(2, 2**31 - 1), *plan.steps))
    assert isinstance(reply_to(with_args(fits, lambda args: (big, *args[1:]))), Compiled)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda args: args[:2], "takes 3 arguments, the launch gives 2"),
        (lambda args: (*args, 1), "takes 3 arguments, the launch gives 4"),
        (lambda args: (5, *args[1:]), "a pointer is wanted, the launch gives 5"),
        (lambda args: (None, *args[1:]), "a pointer is wanted, the launch gives None"),
        (lambda args: (*args[:2], args[0]), "a number is wanted"),
        (lambda args: (*args[:2], None), "a number is wanted"),
        (lambda args: (*args[:2], 2.0), "does not hold 2.0"),
        (lambda args: (*args[:2], 2**32), "does not hold 4294967296"),
        (lambda args: (*args[:2], -(2**31) - 16), "does not hold"),
    ],
)
def test_arguments_must_be_those_that_the_ir_takes(change: Any, told: str) -> None:
    assert told in rejected(with_args(plan_of(ENTRY, spec(64)), change))


def test_malformed_plans_are_rejected_not_crashed_on() -> None:
    plan = plan_of(ENTRY, spec(64))
    steps = tuple(
        msgspec.structs.replace(step, kernel=7) if hasattr(step, "kernel") else step for step in plan.steps
    )
    assert "kernel number 7" in rejected(msgspec.structs.replace(plan, steps=steps))


def test_garbage_is_a_compile_error() -> None:
    reply = reply_to(edited(plan_of(ENTRY, spec(64)), "tt.load", "tt.lo ad"))
    assert isinstance(reply, CompileFault)
    assert reply.status is Status.COMPILE_ERROR
    assert "does not parse" in reply.feedback


@pytest.mark.parametrize(
    "text", ["", "module {", "module {\n}", 'module {\n  tt.func public @f(%a: i32 "x") {']
)
def test_what_is_no_module_with_a_function_has_no_parameters(text: str) -> None:
    assert parameters_of(text) is None


def test_parameters_are_read_with_their_claims() -> None:
    parameters = parameters_of(plan_of(ENTRY, spec(64)).kernels[0].ttir)
    assert parameters is not None
    claims = {"tt.divisibility": 16, "tt.pointer_range": 32}
    assert [(each.kind, each.claims) for each in parameters] == [
        ("!tt.ptr<f32>", claims), ("!tt.ptr<f32>", claims), ("i32", {"tt.divisibility": 16}),
    ]  # fmt: skip


def test_pointers_into_other_address_spaces_are_rejected() -> None:
    plan = plan_of("def entry(x):\n    copy[(4,)](x, x, x.numel(), B=16)\n", spec(64))
    while "!tt.ptr<f32>" in plan.kernels[0].ttir:
        plan = edited(plan, "!tt.ptr<f32>", "!tt.ptr<f32, 3>")
    assert "another address space" in rejected(plan)
