"""Requests to the interpreter room and its replies: data only."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from fitness.costmodel.trace import Fill, LaunchTrace, Output
from fitness.plan import Number, StridedData, TensorData, TensorSpec

CaseInput = StridedData | Number | None
TraceInput = StridedData | TensorSpec | Number | None


class Case(msgspec.Struct, frozen=True):
    """One call of the entry point to check: a name and the arguments in order."""

    name: str
    inputs: tuple[CaseInput, ...]


class CheckRequest(msgspec.Struct, frozen=True, kw_only=True, tag="check"):
    """Run cases whole and return what comes out.

    Attributes:
        source: the kernel's source.
        entry_point: name of the function to call.
        arch: target whose limits and precisions hold, such as `gfx942`.
        choice: number of the autotune alternative.
        cases: what to call it with.
        mutates: numbers of the inputs that the task changes in place.
    """

    source: str
    entry_point: str
    arch: str
    choice: int
    cases: tuple[Case, ...]
    mutates: tuple[int, ...] = ()


class TraceRequest(msgspec.Struct, frozen=True, kw_only=True, tag="trace"):
    """Run a few programs of each launch of one workload and count what they do.

    Attributes:
        source, entry_point, arch, choice: as in `CheckRequest`.
        inputs: the workload's; floating tensors as specifications (they read as zero), integers with values.
        samples: programs to interpret whole, a launch.
        most_work: work to interpret a launch, in `Counts.work`; once that much is done, no further pair of
            programs is sampled.
        seed: which ones.
        mutates: numbers of the inputs that the task changes in place.
    """

    source: str
    entry_point: str
    arch: str
    choice: int
    inputs: tuple[TraceInput, ...]
    samples: int = 4
    most_work: int = 50_000_000
    seed: int = 0
    mutates: tuple[int, ...] = ()


Request = CheckRequest | TraceRequest


class Fault(StrEnum):
    """What kind of failure it was."""

    ERROR = "error"
    """The candidate raised an exception."""
    EXIT = "exit"
    """The candidate tried to leave the process."""
    MEMORY = "memory"
    """A program accessed memory outside of the buffers of its launch."""
    HOST = "host"
    """The host code did what it must not."""
    OUTPUT = "output"
    """What the entry point returned is not plain tensors."""
    UNSUPPORTED = "unsupported"
    """The interpreter cannot run it; a device might."""


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """Why a call did not end well.

    Attributes:
        fault: what kind.
        error: name of the exception's type.
        message: its text.
        line: line of the candidate's source, where known.
        case: name of the case; empty if the module itself could not be loaded, or in a trace.
    """

    fault: Fault
    error: str
    message: str
    line: int | None = None
    case: str = ""


class OutputData(msgspec.Struct, frozen=True, kw_only=True):
    """A tensor that came out.

    Attributes:
        tensor: its elements, shape and dtype.
        aliases: number of the input whose memory it shares, or None.
    """

    tensor: TensorData
    aliases: int | None = None


class CaseResult(msgspec.Struct, frozen=True, kw_only=True):
    """What one case gave.

    Attributes:
        case: its name.
        outputs: what the entry point returned, in order; empty if None.
        mutated: contents after the call of the inputs that the task changes, in the order of `mutates`.
        changed: numbers of the inputs that changed though the task does not say so.
        launches: kernel launches made.
    """

    case: str
    outputs: tuple[OutputData, ...]
    mutated: tuple[TensorData, ...] = ()
    changed: tuple[int, ...] = ()
    launches: int = 0


class CheckReply(msgspec.Struct, frozen=True, kw_only=True, tag="checked"):
    """Results of the cases up to the first that failed, and that failure."""

    results: tuple[CaseResult, ...]
    failure: Failure | None = None


class TraceReply(msgspec.Struct, frozen=True, kw_only=True, tag="traced"):
    """What the launches do, in order, the fills between them, and where the result lies.

    With a failure, what there was before it.
    """

    launches: tuple[LaunchTrace, ...]
    fills: tuple[Fill, ...] = ()
    outputs: tuple[Output, ...] = ()
    failure: Failure | None = None


Reply = CheckReply | TraceReply


def encode_request(request: Request) -> bytes:
    """Return a request as the handler takes it."""
    return msgspec.msgpack.encode(request)


def decode_reply(reply: bytes) -> Reply:
    """Return the handler's answer.

    Raises:
        msgspec.ValidationError: the bytes are no reply.
    """
    decoded: Reply = msgspec.msgpack.decode(reply, type=Reply)
    return decoded
