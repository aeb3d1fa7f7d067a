from __future__ import annotations

import time

import pytest
import torch

from fitness.interpreter.messages import Case, CheckReply, CheckRequest, Fault
from fitness.tensors import to_input, to_tensor
from tests.fitness.interpreter.asking import HEAD, check, output
from tests.fitness.interpreter.room import Ask

COPY = """
@triton.jit
def kernel(x, y, n, BLOCK: tl.constexpr):
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(y + at{store}, tl.load(x + at{load}, mask=at < n), mask=at < n)

def entry(x):
    y = torch.empty_like(x)
    kernel[(triton.cdiv(x.numel(), 16),)](x, y, x.numel(), 16)
    return y
"""


def copying(load: str = "", store: str = "") -> str:
    return COPY.format(load=load, store=store)


def test_outputs_come_back_bit_for_bit(room: Ask) -> None:
    x = torch.randn(5, 7)
    reply = check(room, copying(), x)
    assert torch.equal(output(reply), x)
    assert reply.results[0].changed == ()
    assert reply.results[0].launches == 1
    assert reply.results[0].outputs[0].aliases is None


def test_strides_arrive_as_they_are(room: Ask) -> None:
    source = "def entry(x):\n    return torch.empty(tuple(x.stride()), device=x.device)\n"
    reply = check(room, source, torch.randn(6, 4).t())
    assert reply.failure is None
    assert reply.results[0].outputs[0].tensor.shape == (1, 4)


@pytest.mark.parametrize(
    ("load", "store", "what"),
    [(" + 1", "", "load"), (" - 1", "", "load"), ("", " + 1", "store"), (" + (1 << 40)", "", "load")],
)
def test_an_access_outside_of_the_buffers_is_told_with_its_line(
    room: Ask, load: str, store: str, what: str
) -> None:
    failure = check(room, copying(load, store), torch.randn(20)).failure
    assert failure is not None
    assert failure.fault is Fault.MEMORY
    assert failure.message.startswith(f"kernel 'kernel': {what} outside of any buffer, at element [")
    assert failure.line == 9


def test_unwritten_outputs_are_nan(room: Ask) -> None:
    got = output(check(room, "def entry(x):\n    return torch.empty_like(x)\n", torch.zeros(8)))
    assert got.isnan().all()


def test_an_input_that_changed_is_named(room: Ask) -> None:
    source = "def entry(x, y):\n    x.fill_(1.0)\n    return torch.empty_like(y)\n"
    assert check(room, source, torch.zeros(4), torch.zeros(4)).results[0].changed == (0,)
    allowed = check(room, source, torch.zeros(4), torch.zeros(4), mutates=(0,)).results[0]
    assert allowed.changed == ()
    assert to_tensor(allowed.mutated[0]).tolist() == [1.0] * 4


def test_an_output_that_is_an_input_is_told(room: Ask) -> None:
    assert (
        check(room, "def entry(x):\n    return x.view(-1)\n", torch.ones(4)).results[0].outputs[0].aliases
        == 0
    )


@pytest.mark.parametrize(
    ("body", "fault", "line"),
    [
        ("    return x.clone()", Fault.HOST, 6),
        ("    try:\n        x + 1\n    except Exception:\n        pass\n    return x", Fault.HOST, None),
        ("    raise SystemExit(0)", Fault.EXIT, 6),
        ("    raise KeyboardInterrupt", Fault.EXIT, 6),
        ("    return 1 / 0", Fault.ERROR, 6),
        ("    return [1, 2]", Fault.OUTPUT, None),
    ],
)
def test_what_a_candidate_does_wrong_is_data(room: Ask, body: str, fault: Fault, line: int | None) -> None:
    failure = check(room, f"def entry(x):\n{body}\n", torch.ones(4)).failure
    assert failure is not None
    assert (failure.fault, failure.line, failure.case) == (fault, line, "case")


def test_a_module_that_does_not_parse_or_lacks_the_entry_point(room: Ask) -> None:
    broken = check(room, "def entry(x:\n", torch.ones(4)).failure
    assert broken is not None
    assert (broken.error, broken.line) == ("SyntaxError", 5)
    missing = check(room, "def other(x): pass\n", torch.ones(4)).failure
    assert missing is not None
    assert missing.error == "AttributeError"


def test_what_the_interpreter_lacks_is_unsupported(room: Ask) -> None:
    call = 'tl.inline_asm_elementwise("mov $0, $1;", "=r,r", [tl.load(x)], tl.float32, True, 1)'
    source = f"@triton.jit\ndef kernel(x):\n    tl.store(x, {call})\n\ndef entry(x):\n    kernel[(1,)](x)\n"
    failure = check(room, source, torch.ones(4)).failure
    assert failure is not None
    assert failure.fault is Fault.UNSUPPORTED


AUTOTUNED = """
@triton.autotune(configs=[triton.Config({"ADD": add}) for add in (10, 20, 30)], key=[])
@triton.jit
def kernel(x, y, flag, ADD: tl.constexpr):
    tl.store(y, tl.load(x) + tl.where(flag, ADD, 0))

def entry(x):
    y = torch.zeros_like(x)
    kernel[(1,)](x, y, True)
    return y
"""


@pytest.mark.parametrize("choice", [0, 1, 2])
def test_the_choice_picks_the_autotune_configuration(room: Ask, choice: int) -> None:
    got = output(check(room, AUTOTUNED, torch.ones(1), choice=choice))
    assert got.item() == 11 + 10 * choice


def test_cases_run_up_to_the_first_that_fails(room: Ask) -> None:
    source = HEAD + "def entry(x):\n    return torch.empty(3 // (x.shape[0] - 2), device=x.device)\n"
    cases = tuple(Case(f"case{n}", (to_input(torch.ones(n)),)) for n in (3, 2, 4))
    reply = room(CheckRequest(source=source, entry_point="entry", arch="sm_90", choice=0, cases=cases))
    assert isinstance(reply, CheckReply)
    assert [each.case for each in reply.results] == ["case3"]
    assert reply.failure is not None
    assert reply.failure.case == "case2"


def test_integers_and_none_pass_through(room: Ask) -> None:
    source = (
        "def entry(x, n, scale, nothing):\n    assert nothing is None\n    return torch.full((n,), scale)\n"
    )
    assert output(check(room, source, torch.ones(1), 3, 2.5, None)).tolist() == [2.5] * 3


LOOPS = """
@triton.jit
def kernel(y, n, WIDE: tl.constexpr, SHORT: tl.constexpr):
    for i in {loop}:
        tl.store(y + i, i.to(tl.float32) + (i.dtype == tl.int64) * 0.5)

def entry(x):
    y = torch.empty_like(x)
    kernel[(1,)](y, x.numel(), 5_000_000_000, 6)
    return y
"""


@pytest.mark.parametrize(
    ("loop", "wide"),
    [
        ("range(n)", 0.0),
        ("tl.range(0, n, num_stages=2)", 0.0),
        ("range(tl.program_id(0), n, tl.num_programs(0))", 0.0),
        ("range(0, SHORT)", 0.0),
        ("range(n.to(tl.int64))", 0.5),
        ("tl.range(0, n.to(tl.int64), step=1)", 0.5),
    ],
)
def test_the_variable_of_a_loop_is_a_scalar_as_on_a_device(room: Ask, loop: str, wide: float) -> None:
    got = output(check(room, LOOPS.format(loop=loop), torch.zeros(6)))
    assert got.tolist() == [each + wide for each in range(6)]


@pytest.mark.parametrize(
    ("loop", "value", "expected"),
    [
        ("tl.static_range(3)", "tl.sum(tl.full((2**i,), 1.0, tl.float32))", [1, 2, 4]),
        ("tl.static_range(0, 3, step=2)", "1.0 * i", [0, 0, 2]),
        ("range(2, -1, -1)", "1.0 * i", [0, 1, 2]),
        ("range(n)", "1.0 * i if i > 1 else -1.0", [-1, -1, 2]),
        ("tl.range(WIDE, WIDE + 0)", "1.0 * i", [0, 0, 0]),
    ],
)
def test_loops_take_the_turns_that_they_take_on_a_device(
    room: Ask, loop: str, value: str, expected: list[int]
) -> None:
    source = LOOPS.format(loop=loop).replace("i.to(tl.float32) + (i.dtype == tl.int64) * 0.5", value)
    source = source.replace("empty_like", "zeros_like")
    assert output(check(room, source, torch.zeros(3))).tolist() == expected


def test_a_small_check_takes_a_tenth_of_a_second(room: Ask) -> None:
    check(room, copying(), torch.randn(500))
    started = time.perf_counter()
    check(room, copying(), torch.randn(500))
    assert time.perf_counter() - started < 1.0, "budgeted at 0.1 CPU-seconds; the machine may be busy"
