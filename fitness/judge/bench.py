"""The judge's work on one request: refuse, check, time; whatever the device does, there is an answer."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable

import torch

from evo.evaluation import Stage, Status
from fitness.judge.checking import check_all
from fitness.judge.driver import DriverError
from fitness.judge.gpu import Machine
from fitness.judge.health import sickness
from fitness.judge.memory import Arena, NoRoom
from fitness.judge.messages import Ask, Began, FromJudge, Judged, Refused, Unable
from fitness.judge.refusal import refusal_of
from fitness.judge.timing import Timer
from fitness.judge.turns import exclusive
from fitness.verdicts import Fault

Say = Callable[[FromJudge], None]


class Bench:
    """A device with an arena to run candidates in."""

    def __init__(self, machine: Machine, say: Say) -> None:
        """Answer requests on a machine; `say` sends a message to the engine."""
        self._machine = machine
        self._say = say
        machine.release()
        self._arena = Arena(machine.device, machine.release)
        self._stage = Stage.CHECK

    def answer(self, request: Ask) -> Judged | Refused | Unable:
        """Return the verdict on a candidate."""
        with exclusive(self._machine.fingerprint.uuid or "gpu"):
            held = time.monotonic()
            self._enter(Stage.CHECK, request)
            try:
                return self._judge(request, held)
            except (NoRoom, torch.OutOfMemoryError) as error:
                self._machine.forget()
                return self._refused(request, Status.OUT_OF_RESOURCES, str(error))
            # The boundary of the process: references, torch and the driver raise what they like.
            except Exception as error:  # noqa: BLE001
                return self._raised(request, error)
            finally:
                self._arena.free()

    def _judge(self, request: Ask, held: float) -> Judged | Refused:
        """Refuse, check, time."""
        workloads = [each.name for each in request.task.workloads]
        memory = self._machine.memory_bytes()
        for subject in (request.candidate, request.baseline):
            fault = refusal_of(subject, workloads, request.mutated, memory)
            if fault:
                return _refusal(request, fault)
        checked = check_all(request, self._machine, self._arena)
        if isinstance(checked, Fault):
            return self._settled(request, checked)
        self._enter(Stage.TIME, request)
        timings = Timer(request, self._machine, self._arena).time_all()
        if isinstance(timings, Fault):
            return self._settled(request, timings)
        self._machine.forget()
        return Judged(
            number=request.number, checks=checked.total, repeats=checked.repeats, timings=timings,
            held_seconds=time.monotonic() - held,
        )  # fmt: skip

    def _settled(self, request: Ask, fault: Fault) -> Refused:
        """Return a fault as an answer, once the candidate's binaries are gone."""
        self._machine.forget()
        return _refusal(request, fault)

    def _raised(self, request: Ask, error: Exception) -> Refused | Unable:
        """Return whose fault an exception is: the candidate's, if the device is ill afterwards."""
        told = f"{type(error).__name__}: {error}".partition("\n")[0]
        sick = sickness(self._machine)
        if sick:
            return self._refused(
                request, Status.CRASHED, f"the kernel broke the device's context: {told}", ends=True
            )
        self._machine.forget()
        if isinstance(error, DriverError):
            return self._refused(request, Status.OUT_OF_RESOURCES, f"the device refuses the kernel: {told}")
        return Unable(request.number, "".join(traceback.format_exception(error))[-2000:])

    def _refused(self, request: Ask, status: Status, feedback: str, ends: bool = False) -> Refused:
        return Refused(
            number=request.number, status=status, stage=self._stage, feedback=feedback,
            checks_total=sum(len(each.cases) for each in request.checks) if self._stage is Stage.CHECK else 0,
            ends=ends,
        )  # fmt: skip

    def _enter(self, stage: Stage, request: Ask) -> None:
        self._stage = stage
        self._say(Began(request.number, stage))


def _refusal(request: Ask, fault: Fault) -> Refused:
    return Refused(
        number=request.number, status=fault.status, stage=fault.stage, feedback=fault.feedback,
        checks_passed=fault.checks_passed, checks_total=fault.checks_total,
    )  # fmt: skip
