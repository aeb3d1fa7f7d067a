"""What ends a capture, and that nothing of it stays behind."""

from __future__ import annotations

import textwrap

import pytest
import torch
import triton
import triton.compiler
from triton.runtime.autotuner import Autotuner

from evo.evaluation import Status
from fitness.capture import capture
from tests.fitness.capturing import HEAD, HEAD_LINES, VECTOR, plan_of, refused, request, spec

pytestmark = pytest.mark.usefixtures("scratch")
SQUARE = spec(8, 8)


@pytest.mark.parametrize(
    ("expression", "operation"),
    [
        ("x.t().contiguous()", "aten.clone"),
        ("x.t().reshape(-1)", "aten.clone"),
        ("x.clone()", "aten.clone"),
        ("torch.mm(x, x)", "aten.mm"),
        ("torch.addmm(x, x, x)", "aten.addmm"),
        ("torch.ops.aten.mm(x, x)", "aten.mm"),
        ("x @ x", "aten.mm"),
        ("x + 1", "aten.add"),
        ("-x", "aten.neg"),
        ("torch.nn.functional.softmax(x, dim=-1)", "aten._softmax"),
        ("torch.softmax(x, -1)", "aten._softmax"),
        ("torch.empty_like(x).copy_(x)", "aten.copy_"),
        ("x.half()", "aten._to_copy"),
        ("x.cpu()", "aten._to_copy"),
        ("x.sum().item()", "aten.sum"),
        ("x[0, 0].item()", "aten._local_scalar_dense"),
        ("torch.arange(4, device='cuda')", "aten.arange"),
        ("torch.rand(4, device='cuda')", "aten.rand"),
        ("torch.tensor([1.0], device='cuda')", "aten."),
        ("x.flip(-1)", "aten.flip"),
        ("torch.cat([x, x])", "aten.cat"),
        ("x.fill_(x[0, 0])", "aten.fill_"),
        ("x.zero_().add_(1)", "aten.add_"),
        ("x.masked_fill_(x > 0, 0)", "aten.gt"),
    ],
)
def test_what_moves_or_computes_data_is_rejected_by_name(expression: str, operation: str) -> None:
    reply = refused(f"def entry(x):\n    return {expression}\n", SQUARE)
    assert (reply.status, operation in reply.feedback) == (Status.REJECTED, True), reply.feedback
    assert "workload w" in reply.feedback


@pytest.mark.parametrize(
    "body",
    [
        "try:\n        torch.mm(x, x)\n    except Exception:\n        pass\n    return x",
        "try:\n        torch.mm(x, x)\n    except BaseException:\n        raise ValueError('no') from None",
        "try:\n        torch.mm(x, x)\n    finally:\n        raise SystemExit(0)",
        "T = torch\n    try:\n        return T.mm(x, x)\n    except Exception:\n        return x",
        "from torch import mm\n    try:\n        return mm(x, x)\n    except Exception:\n        return x",
    ],
)
def test_a_refusal_counts_even_if_it_is_caught(body: str) -> None:
    reply = refused(f"def entry(x):\n    {body}\n", SQUARE)
    assert (reply.status, "aten.mm" in reply.feedback) == (Status.REJECTED, True), reply.feedback


def test_work_at_import_is_rejected_too() -> None:
    reply = refused("table = torch.arange(4)\ndef entry(x):\n    return x\n")
    assert (reply.status, "aten.arange" in reply.feedback) == (Status.REJECTED, True)


@pytest.mark.parametrize(
    "what", ["contiguous()", "to(x.dtype)", "cuda()", "float()", "reshape(64)", "view(-1)"]
)
def test_what_torch_answers_without_moving_data_is_allowed(what: str) -> None:
    assert plan_of(f"def entry(x):\n    return x.{what}\n", SQUARE).steps == ()


DESCRIPTOR = """
from triton.tools.tensor_descriptor import TensorDescriptor
def entry(x):
    copy[(1,)](TensorDescriptor.from_tensor(x, [8, 8]), x, 3, B=16)
"""


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (DESCRIPTOR, "TensorDescriptor"),
        (DESCRIPTOR.replace("    copy", "    try: copy") + "    except BaseException: 0", "TensorDesc"),
        ("def entry(x):\n    for n in range(300):\n        copy[(1,)](x, x, 3, B=16)\n", "256"),
        (
            "def entry(x):\n    for n in range(300):\n"
            "        try: copy[(1,)](x, x, 3, B=16)\n        except Exception: pass\n",
            "256",
        ),
    ],
)  # fmt: skip
def test_what_a_plan_cannot_hold_is_unsupported(body: str, told: str) -> None:
    reply = refused(body, SQUARE)
    assert (reply.status, told in reply.feedback) == (Status.UNSUPPORTED, True), reply.feedback


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("raise ValueError('no such shape')", "ValueError: no such shape (at line"),
        ("raise SystemExit(0)", "SystemExit: 0"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("return entry(x)", "RecursionError"),
        ("raise ValueError('\\ud800')", "ValueError: \\ud800"),
        ("raise ValueError('m' * 10**7)", "ValueError: mmm"),
        ("raise type('E', (Exception,), {'__str__': lambda self: 1 / 0})", "E: (its message cannot be read)"),
        ("return 3", "TypeError: an entry point returns tensors, got int"),
        ("return (x, {})", "TypeError: an entry point returns tensors, got dict"),
        ("return torch.empty(3)", "ValueError: kernels take and return tensors on the GPU, got one on cpu"),
        ("copy[(1,)](torch.empty(3), x, 3, B=16)", "got one on cpu"),
        ("copy[(1,)](x, x, 3, B=16, wrong=3)", "wrong"),
        ("copy[(1,)](x, x)", "TypeError"),
        ("copy(x, x, 3, B=16)", "RuntimeError"),
        ("return missing", "NameError: name 'missing' is not defined"),
    ],
)  # fmt: skip
def test_exceptions_are_crashes_with_message_and_line(body: str, told: str) -> None:
    reply = refused(f"def entry(x):\n    {body}\n")
    assert (reply.status, told in reply.feedback) == (Status.CRASHED, True), reply.feedback
    assert len(reply.feedback.encode()) < 4000


def test_a_module_that_raises_crashes_with_its_line() -> None:
    reply = refused("def entry(x): pass\n1 / 0\n")
    assert reply.status is Status.CRASHED
    assert f"line {HEAD_LINES + 2}: 1 / 0" in reply.feedback


KERNEL = """
@triton.jit
def k(x, B: tl.constexpr):
    at = tl.arange(0, B)
    {}

def entry(x):
    k[(1,)](x, B=16{})
"""


@pytest.mark.parametrize(
    ("line", "options", "told"),
    [
        ("tl.store(x + at, missing)", "", "missing is not defined"),
        ("tl.static_assert(B == 32, 'want 32')", "", "want 32"),
        ("tl.dot(at, at)", "", "line"),
        ("tl.arange(0, 3)", "", "power of 2"),
        ("tl.store(x + at, tl.load(x + at), bad=1)", "", "bad"),
        ("tl.store(x + at, tl.reshape(at, (3,)))", "", "line"),
    ],
)
def test_what_the_front_end_refuses_is_a_compile_error_with_the_modules_line(
    line: str, options: str, told: str
) -> None:
    reply = refused(KERNEL.format(line, options))
    assert (reply.status, told in reply.feedback) == (Status.COMPILE_ERROR, True), reply.feedback
    assert f"(line {HEAD_LINES + 5} of the module)" in reply.feedback


def test_an_error_in_a_helper_names_the_helpers_line() -> None:
    helper = "@triton.jit\ndef h(v):\n    return v + nothing\n"
    reply = refused(helper + textwrap.dedent(KERNEL.format("tl.store(x + at, h(at))", "")))
    assert reply.status is Status.COMPILE_ERROR
    assert f"(line {HEAD_LINES + 3} of the module)" in reply.feedback


def test_options_that_the_backend_refuses_crash_the_launch_with_its_words() -> None:
    reply = refused(KERNEL.format("tl.store(x + at, 1.0)", ", num_warps=3"))
    assert (reply.status, "num_warps must be a power of 2" in reply.feedback) == (Status.CRASHED, True)


@pytest.mark.parametrize(
    "body",
    ["return x", "torch.mm(x, x)", "raise SystemExit", "copy[(1,)](x, x, 3, B=16)\n    raise ValueError"],
)
@pytest.mark.parametrize("arch", ["gfx942", "sm_90"])
def test_torch_and_triton_are_as_before_afterwards(body: str, arch: str) -> None:
    def state() -> list[object]:
        return [
            *(vars(torch.cuda)[name] for name in ("is_available", "current_device", "synchronize", "device")),
            torch.version.hip, triton.compiler.compile, triton.runtime.driver._active, vars(Autotuner)["run"],
            torch.overrides._get_current_function_mode_stack(),
            torch.utils._python_dispatch._get_current_dispatch_mode_stack(),
        ]  # fmt: skip

    before = state()
    capture(request(f"def entry(x):\n    {body}\n", SQUARE, arch=arch))
    assert state() == before
    assert torch.ones(2).add(1).tolist() == [2.0, 2.0]


def test_the_head_of_these_tests_captures() -> None:
    assert plan_of("def entry(x):\n    return x\n", VECTOR, head=HEAD).kernels == ()
