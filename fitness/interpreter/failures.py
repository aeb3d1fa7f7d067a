"""What went wrong in a candidate, as data."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

from fitness.candidate_module import FILE_NAME
from fitness.host import HostRecord, HostViolation
from fitness.interpreter.bounds import OutOfBounds
from fitness.interpreter.builder import Unsupported
from fitness.interpreter.check import NotPlain
from fitness.interpreter.messages import Failure, Fault

LONGEST_MESSAGE = 1500
FAULTS: tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], Fault], ...] = (
    (OutOfBounds, Fault.MEMORY),
    (HostViolation, Fault.HOST),
    (NotPlain, Fault.OUTPUT),
    ((Unsupported, NotImplementedError), Fault.UNSUPPORTED),
    ((SystemExit, KeyboardInterrupt, GeneratorExit), Fault.EXIT),
)


def failure_of(error: BaseException, case: str, host: HostRecord | None) -> Failure:
    """Return the failure that an exception means; a refused operation counts even if it was caught."""
    if host is not None and host.violations:
        return Failure(
            fault=Fault.HOST, error="HostViolation", case=case, line=line_of(error),
            message=f"host code moves or computes data outside of Triton: {', '.join(host.violations[:8])}",
        )  # fmt: skip
    return Failure(
        fault=_fault_of(error),
        error=type(error).__name__,
        message=_text_of(error),
        line=line_of(error),
        case=case,
    )


def violation_of(host: HostRecord | None, case: str) -> Failure | None:
    """Return the failure of a call that returned although its host code was refused something, or None."""
    return failure_of(HostViolation(), case, host) if host is not None and host.violations else None


def line_of(error: BaseException) -> int | None:
    """Return the innermost line of the candidate's source that an exception passed through, or None."""
    if isinstance(error, SyntaxError) and error.filename and Path(error.filename).name == FILE_NAME:
        return error.lineno
    line = _line_in(error.__traceback__)
    cause = error.__cause__ or error.__context__
    deeper = line_of(cause) if cause is not None else None
    return deeper if deeper is not None else line


def _line_in(trace: TracebackType | None) -> int | None:
    """Return the innermost line of the candidate's source in one traceback."""
    line = None
    while trace is not None:
        if Path(trace.tb_frame.f_code.co_filename).name == FILE_NAME:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def _fault_of(error: BaseException) -> Fault:
    """Return the kind of failure that an exception means."""
    for kinds, fault in FAULTS:
        if isinstance(error, kinds):
            return fault
    missing_operation = isinstance(error, AttributeError) and "'Builder' object has no attribute" in str(
        error
    )
    return Fault.UNSUPPORTED if missing_operation else Fault.ERROR


def _text_of(error: BaseException) -> str:
    """Return an exception's text, cut to size; a text that cannot be had is said to be missing."""
    try:
        return str(error)[:LONGEST_MESSAGE]
    except Exception:  # noqa: BLE001
        # The exception's class may be the candidate's own.
        return "(its message cannot be read)"
