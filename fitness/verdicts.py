"""What the stages of the cascade find: faults with a status, and what rooms' replies come to."""

from __future__ import annotations

import msgspec

from evo.evaluation import Stage, Status
from fitness.interpreter import messages
from fitness.messages import Case
from fitness.sandbox import Ending, Outcome


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """Why the cascade ends here."""

    status: Status
    stage: Stage
    feedback: str
    checks_passed: int = 0
    checks_total: int = 0


class Checked(msgspec.Struct, frozen=True):
    """All correctness checks passed."""

    total: int


def verdict_of(
    total: int, done: tuple[Case, ...], reply: messages.CheckReply, faults: tuple[str | None, ...]
) -> Checked | Fault:
    """Return what the interpreted results and the oracle's word on them come to.

    Args:
        total: cases that were asked for.
        done: the first of them, as many as there are results.
        reply: what came out.
        faults: the oracle's word, one a result.
    """
    wrong = []
    for case, result, fault in zip(done, reply.results, faults, strict=True):
        aliased = [number for number, each in enumerate(result.outputs) if each.aliases is not None]
        if result.changed:
            fault = f"{case.name}: input {result.changed[0]} was modified, which the task does not say"
        elif aliased:
            fault = f"{case.name}: output {aliased[0]} shares memory with an input"
        wrong += [fault] if fault else []
    passed = len(done) - len(wrong)
    if reply.failure is not None:
        failed = failed_call(reply.failure, Stage.CHECK)
        return msgspec.structs.replace(failed, checks_passed=passed, checks_total=total)
    if wrong or len(done) < total:
        return Fault(
            status=Status.WRONG if wrong else Status.CRASHED, stage=Stage.CHECK,
            feedback=wrong[0] if wrong else f"{total} results are expected, got {len(done)}",
            checks_passed=passed, checks_total=total,
        )  # fmt: skip
    return Checked(total)


def failed_call(failure: messages.Failure, stage: Stage) -> Fault:
    """Return an interpreted call's failure as a fault."""
    where = f" (line {failure.line})" if failure.line else ""
    case = f"{failure.case}: " if failure.case else ""
    return Fault(
        status=STATUS_OF_FAILURE.get(failure.fault, Status.CRASHED), stage=stage,
        feedback=f"{case}{failure.error}: {failure.message}{where}",
    )  # fmt: skip


def told(outcome: Outcome) -> str:
    """Return how a job ended, in words."""
    return f"{outcome.ending.value}: {outcome.detail} {outcome.stderr_tail[-500:]}".strip()


STATUS_OF = {
    Ending.RAISED: Status.CRASHED,
    Ending.CRASHED: Status.CRASHED,
    Ending.TIMEOUT: Status.TIMEOUT,
    Ending.OUT_OF_MEMORY: Status.CRASHED,
    Ending.OVERSIZED: Status.CRASHED,
}
STATUS_OF_FAILURE = {
    messages.Fault.HOST: Status.REJECTED,
    messages.Fault.OUTPUT: Status.UNSUPPORTED,
    messages.Fault.UNSUPPORTED: Status.UNSUPPORTED,
}
