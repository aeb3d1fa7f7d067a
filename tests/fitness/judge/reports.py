"""A judge's process that has no device: it believes every kernel and reports latencies by their warps.

For tests of the evaluator: real rooms make plans and binaries, this answers. A kernel is as many times as
fast as the seed as it has warps more; some numbers of warps stand for other ends. Torch is not needed here.
"""

from __future__ import annotations

import math
import os
import socket

import msgspec

from evo.evaluation import Stage, Status
from evo.task import Role
from fitness.judge import wire
from fitness.judge.messages import (
    Ask,
    Began,
    Fingerprint,
    FromJudge,
    Judged,
    Ready,
    Refused,
    Subject,
    Timing,
    ToJudge,
)

SEED_MS = 0.4
IMPOSSIBLE_WARPS, LOST_WARPS, UNLUCKY_WARPS = 32, 16, 1
NOISE = 0.002


def main(stream: socket.socket, engine: int) -> None:
    fingerprint = Fingerprint(
        name="report", arch="sm_90", backend="cuda", index=0, uuid="", units=1, memory_bytes=1, driver="0",
        torch="0", triton="0",
    )  # fmt: skip
    wire.receive(stream)
    _say(stream, Ready(fingerprint, 1.0))
    answered = 0
    while (payload := wire.receive(stream)) is not None:
        request = msgspec.msgpack.decode(payload, type=ToJudge)
        assert isinstance(request, Ask)
        _say(stream, Began(request.number, Stage.CHECK))
        answered += 1
        _say(stream, _answer(request, answered))


def _answer(request: Ask, answered: int) -> FromJudge:
    warps, seed = _warps(request.candidate), _warps(request.baseline)
    if warps == LOST_WARPS:
        os._exit(1)
    if "broken" in request.candidate.captured[0].alternatives[0].kernels[0].name:
        best = "".join(f", {name} {math.exp(-each):.1f}x" for name, each in request.best.items())
        return Refused(
            number=request.number, status=Status.WRONG, stage=Stage.CHECK, feedback=f"broken{best}",
            checks_total=8,
        )  # fmt: skip
    faster = warps / seed if warps != IMPOSSIBLE_WARPS else 1e6
    if warps == UNLUCKY_WARPS:  # the first look at it is lucky; a fresh process sees it as it is
        faster = 8.0 if answered > 1 else 0.5
    timings = tuple(
        Timing(
            workload=each.name, choice=0, baseline_ms=SEED_MS * (1 + request.seed % 100 / 1e4),
            log_ratios=tuple(-math.log(faster) + NOISE * math.sin(1 + 7 * at) for at in range(24)), calls=48,
            warm=False, tuning_seconds=0.0,
        )
        for each in request.task.having(Role.TIME)
    )  # fmt: skip
    checks = sum(len(each.cases) for each in request.checks)
    return Judged(number=request.number, checks=checks, repeats=True, timings=timings, held_seconds=0.25)


def _warps(subject: Subject) -> int:
    return max(each.warps for each in subject.binaries)


def _say(stream: socket.socket, message: FromJudge) -> None:
    stream.sendall(wire.framed(msgspec.msgpack.encode(message)))
