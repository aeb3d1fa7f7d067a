"""Exchanges with language models as MLflow shows them: as text beside an elite, and as traces."""

from __future__ import annotations

import hashlib
import json
from typing import Any, TypeVar

import msgspec

from experiments.tracking_recorded import Call
from operators.llm.contract import Finish, Reply, Request

T = TypeVar("T")


class Trace(msgspec.Struct, frozen=True, kw_only=True):
    """A call as a trace of one span.

    Attributes:
        id: 32 hex digits; those of one call of one MLflow run are always the same.
        name: what the trace is called.
        began, ended: nanoseconds since the epoch.
        failure: why there is no whole reply; empty if there is one.
        tags: what the trace is found by.
        attributes: of the span, under MLflow's own names.
    """

    id: str
    name: str
    began: int
    ended: int
    failure: str
    tags: dict[str, str]
    attributes: dict[str, Any]


def trace(call: Call, run_id: str) -> Trace:
    """Return a call as a trace of the MLflow run with this id."""
    request, reply = _read(call.asked, Request), _read(call.answered, Reply)
    seconds = 0.0 if reply is None else reply.seconds
    ended = int(call.at * 1e9)
    attributes: dict[str, Any] = {
        "mlflow.spanType": "LLM",
        "mlflow.spanInputs": call.asked.decode(errors="replace") if request is None else _builtins(request),
        "mlflow.spanOutputs": call.answered.decode(errors="replace") if reply is None else _builtins(reply),
        "mlflow.chat.tokenUsage": {
            "input_tokens": call.spend.tokens_in,
            "output_tokens": call.spend.tokens_out,
            "total_tokens": call.spend.tokens,
        },
        "mlflow.llm.cost": {"total_cost": call.spend.dollars},
    }
    model = (reply and reply.model) or (request and request.model)
    if model:
        attributes["mlflow.llm.model"] = model
    whole = reply is None or reply.finish is Finish.STOP
    return Trace(
        id=trace_id(call.seq, run_id),
        name=f"candidate {call.number}",
        began=ended - int(seconds * 1e9),
        ended=ended,
        failure="" if whole or reply is None else f"{reply.finish}: {reply.reason}",
        tags={"candidate": str(call.number), "attempt": str(call.attempt), "request": call.request},
        attributes=attributes,
    )


def trace_id(seq: int, run_id: str) -> str:
    """Return the id of the trace of the call at this place of the journal, in the MLflow run with this id."""
    return hashlib.sha256(f"{run_id} {seq}".encode()).hexdigest()[:32]


def asked_text(call: Call) -> str:
    """Return what was asked, for people: a section a message."""
    request = _read(call.asked, Request)
    if request is None:
        return call.asked.decode(errors="replace")
    return "\n".join(f"# {message.role}\n\n{message.content}\n" for message in request.messages)


def replied_text(call: Call) -> str:
    """Return what was answered, for people."""
    reply = _read(call.answered, Reply)
    return call.answered.decode(errors="replace") if reply is None else reply.text


def encoded(trace: Trace) -> dict[str, str]:
    """Return the attributes of a trace's span, its tags among them, as MLflow keeps them: each as JSON."""
    tags = {"mlflow.traceName": trace.name, **trace.tags}
    own = {"mlflow.traceRequestId": f"tr-{trace.id}", **trace.attributes}
    own |= {f"mlflow.traceTag.{name}": value for name, value in tags.items()}
    return {name: json.dumps(value, ensure_ascii=False) for name, value in own.items()}


def _read(body: bytes, kind: type[T]) -> T | None:
    """Return a body as what it should be; None if another operator than ours wrote it."""
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.DecodeError:
        return None


def _builtins(value: Request | Reply) -> dict[str, Any]:
    return dict(msgspec.to_builtins(value))
