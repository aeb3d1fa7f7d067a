"""The stages of the cascade that need a room: each asks one room and returns what it found, or a fault."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Any, TypeVar

import msgspec

from evo.candidate import Kernel
from evo.errors import TaskError
from evo.evaluation import Cost, Stage, Status
from evo.task import Task
from fitness.costmodel.trace import Trace
from fitness.interpreter import messages
from fitness.messages import (
    Binary,
    CaptureReply,
    CaptureRequest,
    Captures,
    Case,
    CompareRequest,
    Compiled,
    CompileReply,
    CompileRequest,
    DescribeRequest,
    Description,
    ExamineRequest,
    PrepareRequest,
    Unbuilt,
)
from fitness.plan import Captured, InputData, Plan, StridedData, TensorData
from fitness.plan_check import wrong_capture
from fitness.rooms import Rooms, limits
from fitness.sandbox import Ending, Sandbox
from fitness.settings import StageLimits
from fitness.verdicts import STATUS_OF, Checked, Fault, failed_call, told, verdict_of

T = TypeVar("T")
ORACLE_CPU_SECONDS = 120.0
LARGEST_COUNT = 2.0**63
CLOSER = 16
"""How many times as many programs a closer look follows, and may take as much work for."""


class Compilation(msgspec.Struct, frozen=True):
    """What became of the kernels of some plans, by `KernelIR.digest`."""

    binaries: dict[str, Binary]
    unbuilt: dict[str, Unbuilt]


class Stages:
    """The stages for one kernel after another; a new object serves one evaluation.

    Attributes:
        cpu_seconds: what they used, added up.
        seconds: how long each took.
    """

    def __init__(self, rooms: Rooms, arch: str, allowed: StageLimits) -> None:
        self._rooms = rooms
        self._arch = arch
        self._allowed = allowed
        self.cpu_seconds = 0.0
        self.seconds = dict.fromkeys(Stage, 0.0)

    @contextlib.contextmanager
    def timing(self, stage: Stage) -> Iterator[None]:
        """Add what is done meanwhile to a stage's time."""
        begun = time.monotonic()
        try:
            yield
        finally:
            self.seconds[stage] += time.monotonic() - begun

    def cost(self, start: float) -> Cost:
        """Return what the stages have cost since the start, a reading of the monotonic clock in seconds."""
        return Cost(
            cpu_seconds=self.cpu_seconds,
            wall_seconds=time.monotonic() - start,
            stage_seconds={stage.name.lower(): each for stage, each in self.seconds.items() if each},
        )

    async def describe(self, task: Task) -> tuple[Description, ...]:
        """Return what the inputs of all workloads look like.

        Raises:
            TaskError: the task's reference cannot make them.
        """
        return await self._oracle(DescribeRequest(task), tuple[Description, ...], task, Stage.CAPTURE)

    async def examine(self, task: Task) -> tuple[str, ...]:
        """Return what is wrong with a task, as its own reference shows, one line a fault.

        Raises:
            TaskError: the task's reference fails.
        """
        return await self._oracle(ExamineRequest(task), tuple[str, ...], task, Stage.CHECK)

    async def capture(
        self, kernel: Kernel, task: Task, described: tuple[Description, ...]
    ) -> tuple[Captured, ...] | Fault:
        """Return what the entry point does on every workload."""
        request = CaptureRequest(
            source=kernel.source, entry_point=task.entry_point, arch=self._arch,
            workloads=tuple((each.workload, each.specs) for each in described),
        )  # fmt: skip
        reply: CaptureReply | Fault = await self._job(
            self._rooms.capture, request, self._allowed.capture_cpu_seconds, CaptureReply, Stage.CAPTURE
        )
        if isinstance(reply, Fault):
            return reply
        if isinstance(reply, Captures):
            fault = _forged(reply.captured, request)
            return fault or reply.captured
        return Fault(status=reply.status, stage=Stage.CAPTURE, feedback=reply.feedback)

    async def compile(self, plans: tuple[Plan, ...]) -> Compilation | Fault:
        """Compile each distinct kernel that the plans launch."""
        request = CompileRequest(arch=self._arch, plans=plans)
        reply: CompileReply | Fault = await self._job(
            self._rooms.compile, request, self._allowed.compile_cpu_seconds, CompileReply, Stage.COMPILE
        )
        if isinstance(reply, Fault):
            return reply
        if isinstance(reply, Compiled):
            return Compilation(
                {binary.kernel: binary for binary in reply.binaries},
                {each.kernel: each for each in reply.unbuilt},
            )
        return Fault(status=reply.status, stage=Stage.COMPILE, feedback=reply.feedback)

    async def prepare(self, task: Task, cases: tuple[Case, ...]) -> tuple[tuple[InputData, ...], ...]:
        """Return the inputs of some cases.

        Raises:
            TaskError: the task's reference cannot make them.
        """
        return await self._oracle(
            PrepareRequest(task, cases), tuple[tuple[InputData, ...], ...], task, Stage.CHECK
        )

    async def compare(
        self, task: Task, cases: tuple[Case, ...], outputs: tuple[tuple[TensorData, ...], ...]
    ) -> tuple[str | None, ...]:
        """Return what is wrong with the outputs of each case, or None.

        Raises:
            TaskError: the task's reference fails.
        """
        return await self._oracle(
            CompareRequest(task, cases, outputs), tuple[str | None, ...], task, Stage.CHECK
        )

    async def check(
        self, kernel: Kernel, task: Task, cases: tuple[Case, ...], mutated: tuple[int, ...], choice: int
    ) -> Checked | Fault:
        """Interpret the cases under one autotune choice and have the oracle compare what came out."""
        inputs = await self.prepare(task, cases)
        request = messages.CheckRequest(
            source=kernel.source, entry_point=task.entry_point, arch=self._arch, choice=choice,
            cases=tuple(messages.Case(case.name, each) for case, each in zip(cases, inputs, strict=True)),
            mutates=mutated,
        )  # fmt: skip
        reply: messages.CheckReply | Fault = await self._job(
            self._rooms.interpret, request, self._allowed.check_cpu_seconds, messages.CheckReply, Stage.CHECK
        )
        if isinstance(reply, Fault):
            return msgspec.structs.replace(reply, checks_total=len(cases))
        if len(reply.results) > len(cases):
            return Fault(
                status=Status.CRASHED, stage=Stage.CHECK, checks_total=len(cases),
                feedback=f"{len(cases)} results are expected, got {len(reply.results)}",
            )  # fmt: skip
        done = cases[: len(reply.results)]
        outputs = tuple(
            (*result.mutated, *(output.tensor for output in result.outputs)) for result in reply.results
        )
        return verdict_of(len(cases), done, reply, await self.compare(task, done, outputs))

    async def trace(
        self, kernel: Kernel, task: Task, described: Description, plan: Plan, closer: bool = False
    ) -> Trace | Fault:
        """Interpret a few programs of each launch at the workload's real sizes and count what they do.

        A closer look is one at more programs.
        """
        values = (
            given if isinstance(given, StridedData) else spec
            for spec, given in zip(described.specs, described.data, strict=True)
        )
        request = messages.TraceRequest(
            source=kernel.source, entry_point=task.entry_point, arch=self._arch, choice=plan.choice,
            inputs=tuple(values), mutates=described.mutated,
        )  # fmt: skip
        if closer:
            request = msgspec.structs.replace(
                request, samples=CLOSER * request.samples, most_work=CLOSER * request.most_work
            )
        reply: messages.TraceReply | Fault = await self._job(
            self._rooms.interpret, request, self._allowed.time_cpu_seconds, messages.TraceReply, Stage.TIME
        )
        if isinstance(reply, Fault):
            return reply
        if reply.failure is not None:
            return failed_call(reply.failure, Stage.TIME)
        if not _countable(msgspec.to_builtins((reply.launches, reply.fills, reply.outputs))):
            return Fault(
                status=Status.CRASHED, stage=Stage.TIME, feedback="the trace holds figures that count nothing"
            )
        captured = [(plan.kernels[each.kernel].name, each.grid) for each in plan.launches]
        launches = tuple(each for each in reply.launches if each.programs)
        traced = [(each.kernel, each.grid) for each in launches]
        if captured != traced:
            return Fault(
                status=Status.UNSUPPORTED, stage=Stage.TIME,
                feedback=f"workload {described.workload}: interpreted launches {traced} differ from those "
                f"captured, {captured}",
            )  # fmt: skip
        return Trace(launches, reply.fills, reply.outputs)

    async def _job(
        self, room: Sandbox, request: msgspec.Struct, cpu_seconds: float, kind: Any, stage: Stage
    ) -> Any:
        """Run a job; a reply that does not decode as `kind` is the candidate's fault, like any other."""
        allowed = limits(cpu_seconds, self._allowed.memory_mib)
        with self.timing(stage):
            outcome = await room.run(msgspec.msgpack.encode(request), allowed)
        self.cpu_seconds += outcome.cpu_seconds
        if outcome.ending is not Ending.FINISHED:
            return Fault(status=STATUS_OF[outcome.ending], stage=stage, feedback=told(outcome))
        try:
            return msgspec.msgpack.decode(outcome.payload, type=kind)
        except (msgspec.DecodeError, ValueError) as error:
            return Fault(status=Status.CRASHED, stage=stage, feedback=f"the result is malformed: {error}")

    async def _oracle(self, request: msgspec.Struct, kind: type[T], task: Task, stage: Stage) -> T:
        """Ask the oracle, which is trusted: its failure is the task's fault."""
        allowed = limits(ORACLE_CPU_SECONDS, self._allowed.memory_mib)
        with self.timing(stage):
            outcome = await self._rooms.oracle.run(msgspec.msgpack.encode(request), allowed)
        self.cpu_seconds += outcome.cpu_seconds
        if outcome.ending is not Ending.FINISHED:
            raise TaskError(f"task {task.name}: the reference failed: {told(outcome)}")
        return msgspec.msgpack.decode(outcome.payload, type=kind)


def _forged(captured: tuple[Captured, ...], request: CaptureRequest) -> Fault | None:
    """Return why captures are not what was asked for, or None: they come from where the candidate ran."""
    wrong = None
    if len(captured) != len(request.workloads):
        wrong = f"{len(request.workloads)} captures are expected, got {len(captured)}"
    for each, (workload, inputs) in zip(captured, request.workloads, strict=False):
        wrong = wrong or wrong_capture(each, workload, inputs)
    return Fault(status=Status.REJECTED, stage=Stage.CAPTURE, feedback=wrong) if wrong else None


def _countable(figures: Any) -> bool:
    """Return whether every number in a forgeable reply is finite and not negative, as counts are."""
    pending = [figures]
    while pending:
        each = pending.pop()
        if isinstance(each, dict | list | tuple):
            pending += each.values() if isinstance(each, dict) else each
        elif isinstance(each, int | float) and not 0 <= each < LARGEST_COUNT:
            return False
    return True
