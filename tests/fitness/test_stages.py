"""The stages on candidates that the policy would stop: what the rooms make of them, and of forged replies."""

from __future__ import annotations

import textwrap

import msgspec
import pytest

from evo.candidate import Kernel
from evo.errors import TaskError
from evo.evaluation import Stage, Status
from evo.task import Role
from experiments.suites.loader import load_task
from fitness.cases import draw_cases
from fitness.costmodel.trace import Trace
from fitness.interpreter.messages import CaseResult, CheckReply, TraceReply
from fitness.messages import Captures, Compiled
from fitness.plan import Captured, KernelIR, Launch, Plan, View
from fitness.settings import StageLimits
from fitness.stages import Checked, Compilation, Stages
from fitness.verdicts import Fault
from tests.fitness.capturing import HEAD
from tests.fitness.lab import LIMITS, SECRET, Lab

FLIP = load_task("flip")
CASES = len(draw_cases(FLIP, b"any", "plan"))
SHORT = StageLimits(capture_cpu_seconds=1.0, check_cpu_seconds=1.0, time_cpu_seconds=1.0, memory_mib=2048)


def entry(body: str, head: str = HEAD) -> str:
    return head + "def flip(x):\n" + textwrap.indent(textwrap.dedent(body).strip(), "    ") + "\n"


def fault_of(lab: Lab, source: str) -> Fault:
    fault = lab.captured(source, FLIP, limits=SHORT)
    assert isinstance(fault, Fault), fault
    assert fault.stage is Stage.CAPTURE
    return fault


def checked(lab: Lab, source: str, limits: StageLimits = SHORT) -> Checked | Fault:
    cases = draw_cases(FLIP, SECRET, "plan")
    result: Checked | Fault = lab.run(lab.stages(limits=limits).check(Kernel(source), FLIP, cases, (), 0))
    return result


@pytest.mark.parametrize(
    ("body", "status", "told"),
    [
        ("while True: pass", Status.TIMEOUT, "cpu"),
        ("import os; os._exit(0)", Status.CRASHED, ""),
        ("import os; os.abort()", Status.CRASHED, ""),
        ("import ctypes; ctypes.string_at(0)", Status.CRASHED, ""),
        ("import sys; sys.exit(0)", Status.CRASHED, "SystemExit"),
        ("data = bytearray(1 << 40)", Status.CRASHED, ""),
        ("open('/etc/kernevo', 'w')", Status.CRASHED, "Error"),
        ("open('/etc/shadow')", Status.CRASHED, "Error"),
        ("import os\nassert 'HOME_SECRET' in os.environ", Status.CRASHED, "AssertionError"),
        ("import socket\nsocket.create_connection(('127.0.0.1', 80), 1)", Status.CRASHED, "Error"),
        ("import subprocess\nsubprocess.run(['/bin/true'], check=True)", Status.CRASHED, "Error"),
        ("import os\nos.kill(os.getppid(), 9)\nraise RuntimeError('still here')", Status.CRASHED, ""),
        ("while True: print('x' * 1000)", Status.CRASHED, ""),
    ],
)
def test_what_a_candidate_does_to_the_machine_ends_as_its_status(
    lab: Lab, body: str, status: Status, told: str
) -> None:
    fault = fault_of(lab, entry(body))
    assert (fault.status, told.lower() in fault.feedback.lower()) == (status, True), fault.feedback


def test_a_fork_bomb_ends_and_the_room_lives_on(lab: Lab) -> None:
    fault = fault_of(lab, entry("import os\nwhile True:\n    try: os.fork()\n    except OSError: pass"))
    assert fault.status in (Status.TIMEOUT, Status.CRASHED)
    assert isinstance(lab.captured(FLIP.seed.source, FLIP), tuple)


DEVICE = HEAD.replace("    tl.store(y", "    {}\n    tl.store(y")
LAUNCH = "y = torch.empty_like(x)\ncopy[(triton.cdiv(x.numel(), 64),)](x, y, x.numel(), B=64)\nreturn y"


@pytest.mark.parametrize(
    ("line", "status", "told"),
    [
        ("v = 0\n    while v < 1: v = v * 1", Status.TIMEOUT, "cpu"),
        ("x = x + (1 << 40)", Status.CRASHED, "outside of any buffer"),
        ("x = x - 100000", Status.CRASHED, "outside of any buffer"),
        ("y = y + n", Status.CRASHED, "outside of any buffer"),
        ("v = 0", Status.WRONG, "elements differ"),
    ],
)
def test_what_device_code_does_ends_as_its_status(lab: Lab, line: str, status: Status, told: str) -> None:
    fault = checked(lab, entry(LAUNCH, DEVICE.format(line)))
    assert isinstance(fault, Fault), fault
    assert (fault.status, fault.stage) == (status, Stage.CHECK), fault.feedback
    assert (told.lower() in fault.feedback.lower(), fault.checks_total) == (True, CASES), fault.feedback


def test_wrong_outputs_name_workload_family_and_element(lab: Lab) -> None:
    fault = checked(lab, entry(LAUNCH))
    assert isinstance(fault, Fault)
    # A row of one column is its own reverse: those checks pass.
    assert (fault.status, fault.checks_total) == (Status.WRONG, CASES)
    assert 2 <= fault.checks_passed < CASES
    assert fault.feedback.startswith("ragged/normal: output 0: ")
    assert "first at (0, " in fault.feedback


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("copy[(1,)](x, x, 1, B=16)\nreturn x", "output 0 shares memory with an input"),
        ("x.fill_(0.0)\nreturn torch.empty_like(x)", "input 0 was modified"),
        ("return None", "1 outputs are expected, got 0"),
        ("return torch.empty_like(x), torch.empty_like(x)", "1 outputs are expected, got 2"),
        ("return torch.zeros((2, 2), device=x.device)", "shape is (2, 2)"),
        ("return torch.zeros_like(x, dtype=torch.float64)", "dtype is torch.float64"),
        ("return torch.empty_like(x)", "differ"),
    ],
)
def test_wrong_answers_are_told(lab: Lab, body: str, told: str) -> None:
    fault = checked(lab, entry(body))
    assert isinstance(fault, Fault)
    assert (fault.status, told in fault.feedback) == (Status.WRONG, True), fault.feedback


def test_what_moves_data_is_rejected_in_the_interpreter_too(lab: Lab) -> None:
    fault = checked(lab, entry("return x.flip(-1)"))
    assert isinstance(fault, Fault)
    assert (fault.status, "aten.flip" in fault.feedback) == (Status.REJECTED, True)


FORGE = """
import os, struct
body = {!r}
for descriptor in range(3, 64):
    try:
        os.write(descriptor, struct.pack("<BQ", 0, len(body)) + body)
    except OSError:
        pass
os._exit(0)
"""


def forged(reply: object) -> str:
    """Return a candidate that answers in its room's stead."""
    return entry(FORGE.format(msgspec.msgpack.encode(reply)))


VIEW = View(buffer=0, offset=0, shape=(5, 1), stride=(1, 1), dtype="float32")
PLAN = Plan(workload="one_column", inputs=(VIEW,), outputs=(), steps=(), kernels=())


def captures(*plans: Plan, times: int = len(FLIP.workloads)) -> Captures:
    return Captures((Captured(workload="one_column", alternatives=plans),) * times)


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (captures(), "alternatives"),
        (captures(PLAN, times=1), "6 captures are expected, got 1"),
        (captures(PLAN), "workload"),
        (captures(msgspec.structs.replace(PLAN, inputs=())), "inputs"),
        (captures(msgspec.structs.replace(PLAN, steps=(Launch(5, (1, 1, 1), ()),))), "kernel number 5"),
    ],
)
def test_forged_captures_are_rejected(lab: Lab, reply: Captures, told: str) -> None:
    fault = fault_of(lab, forged(reply))
    assert (fault.status, told in fault.feedback) == (Status.REJECTED, True), fault.feedback


@pytest.mark.parametrize("reply", ["nonsense", {"type": "captures", "captured": 3}, Compiled(())])
def test_a_reply_that_is_none_is_the_candidates_fault(lab: Lab, reply: object) -> None:
    fault = fault_of(lab, forged(reply))
    assert (fault.status, "malformed" in fault.feedback) == (Status.CRASHED, True), fault.feedback


def test_a_forged_check_with_too_many_or_too_few_results_is_a_crash(lab: Lab) -> None:
    for count in (0, 3, 20):
        fault = checked(lab, forged(CheckReply(results=(CaseResult(case="c", outputs=()),) * count)))
        assert isinstance(fault, Fault)
        assert fault.status is (Status.WRONG if count == 3 else Status.CRASHED), fault.feedback


def traced(lab: Lab, source: str, plan: Plan, limits: StageLimits = LIMITS) -> Trace | Fault:
    async def trace() -> Trace | Fault:
        stages = Stages(lab.rooms, "gfx942", limits)
        described = await stages.describe(FLIP)
        return await stages.trace(Kernel(source), FLIP, described[-1], plan)

    result: Trace | Fault = lab.run(trace())
    return result


def test_a_trace_must_be_of_the_launches_that_were_captured(lab: Lab) -> None:
    captured = lab.captured(FLIP.seed.source, FLIP)
    assert isinstance(captured, tuple)
    plan = captured[-1].alternatives[0]
    good = traced(lab, FLIP.seed.source, plan)
    assert isinstance(good, Trace), good
    assert [each.grid for each in good.launches] == [launch.grid for launch in plan.launches]
    other = traced(lab, FLIP.seed.source.replace("BLOCK = 256", "BLOCK = 512"), plan)
    assert isinstance(other, Fault)
    assert (other.status, "differ" in other.feedback) == (Status.UNSUPPORTED, True)
    for name, value in (("loads", float("nan")), ("loads", -1.0), ("float_ops", float("inf"))):
        reply = TraceReply(
            launches=tuple(msgspec.structs.replace(each, **{name: value}) for each in good.launches)
        )
        fault = traced(lab, forged(reply), plan)
        assert isinstance(fault, Fault)
        assert (fault.status, fault.stage) == (Status.CRASHED, Stage.TIME), fault.feedback


@pytest.mark.parametrize(
    "text", ["\0\0", "module {" * 20000, "#" * 100000, "tt.func public @f() {", "\ud7ff" * 50]
)
def test_ir_that_is_none_takes_nothing_down(lab: Lab, text: str) -> None:
    kernel = KernelIR(name="k", ttir=text, options={})
    plan = Plan(workload="w", inputs=(), outputs=(), steps=(Launch(0, (1, 1, 1), ()),), kernels=(kernel,))
    fault = lab.run(lab.stages().compile((plan,)))
    assert isinstance(fault, Fault), fault
    assert fault.status in (Status.COMPILE_ERROR, Status.CRASHED, Status.REJECTED)
    captured = lab.captured(FLIP.seed.source, FLIP)
    assert isinstance(captured, tuple)
    assert isinstance(lab.run(lab.stages().compile(captured[-1].alternatives)), Compilation)


def test_an_unknown_device_function_is_the_kernels_fault(lab: Lab) -> None:
    head = HEAD.replace(
        "y + at, tl.load(x + at, mask=at < n)", "y + at, libdevice.tanh(tl.load(x + at).to(tl.float32))"
    )
    source = entry(LAUNCH, "from triton.language.extra import libdevice\n" + head)
    captured = lab.captured(source, FLIP)
    assert isinstance(captured, tuple), captured
    plan = captured[1].alternatives[0]
    kernel = plan.kernels[0]
    changed = msgspec.structs.replace(kernel, ttir=kernel.ttir.replace("__ocml_tanh_f32", "__ocml_no_such"))
    compiled = lab.run(lab.stages().compile((msgspec.structs.replace(plan, kernels=(changed,)),)))
    # Triton 3.6 leaves the whole process when the linker meets it.
    if isinstance(compiled, Fault):
        assert compiled.status is Status.CRASHED, compiled
    else:
        assert [each.status for each in compiled.unbuilt.values()] == [Status.COMPILE_ERROR]


def test_a_reference_that_fails_is_the_tasks_fault(lab: Lab) -> None:
    broken = msgspec.structs.replace(
        FLIP, name="mine", reference="def make_inputs(*_): raise ValueError('no')\n"
    )
    with pytest.raises(TaskError, match=r"task mine: .*ValueError: no"):
        lab.run(lab.stages().describe(broken))


def test_workloads_are_captured_in_the_order_of_the_task(lab: Lab) -> None:
    captured = lab.captured(FLIP.seed.source, FLIP)
    assert isinstance(captured, tuple)
    assert [each.workload for each in captured] == [each.name for each in FLIP.workloads]
    assert len(FLIP.having(Role.TIME)) == 2
