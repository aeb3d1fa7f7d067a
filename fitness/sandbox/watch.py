"""Watching an inmate: drain its pipes, count its time, kill it, and judge how it ended."""

from __future__ import annotations

import contextlib
import os
import resource
import selectors
import signal
import time

import msgspec

from fitness.sandbox.contract import Ending, Fault, Finished, Limits, Outcome
from fitness.sandbox.cpu import cpu_of_process, cpu_of_tree
from fitness.sandbox.inmate import HEADER, KINDS, MESSAGE_LIMIT, READY

SET_UP_SECONDS = 60.0
PRINT_LIMIT = 16 << 20
TAIL_BYTES = 4096
_CHUNK = 1 << 18
_LONGEST_NAP = 0.25
_SHORTEST_NAP = 0.004

Verdict = tuple[Ending, str]


class Pipes(msgspec.Struct, frozen=True):
    """The supervisor's ends of an inmate's pipes, and the socket on which the engine waits."""

    result: int
    printed: int
    status: int
    reply: int


class Watch:
    """One inmate, from its fork to its end."""

    def __init__(self, inmate: int, pipes: Pipes, limits: Limits, spawns: bool) -> None:
        self._inmate = inmate
        self._pipes = pipes
        self._limits = limits
        self._cpu = cpu_of_tree if spawns else cpu_of_process
        self._result = bytearray()
        self._tail = b""
        self._printed = 0
        self._status = b""
        self._alive = True
        self._hung_up = False
        self._began: tuple[float, float] | None = None
        self._set_up_until = time.monotonic() + SET_UP_SECONDS

    def until_the_end(self) -> Finished | Fault:
        """Drain and wait until the inmate answers, dies or passes a limit; kill what is left of it; say how
        it ended.
        """
        verdict = None
        with selectors.DefaultSelector() as selector:
            ends = (self._pipes.status, self._pipes.result, self._pipes.printed, self._pipes.reply)
            pidfd = os.pidfd_open(self._inmate)
            for descriptor in (*ends, pidfd):
                os.set_blocking(descriptor, False)
                selector.register(descriptor, selectors.EVENT_READ)
            while verdict is None and not self._hung_up and self._alive and self._time_is_left_to_set_up():
                ready = {key.fd for key, _ in selector.select(self._nap())}
                for descriptor in ends:
                    if descriptor in ready and not self._drain(descriptor):
                        selector.unregister(descriptor)
                self._alive = pidfd not in ready
                verdict = self._verdict()
        return self._finish(verdict)

    def _finish(self, verdict: Verdict | None) -> Finished | Fault:
        now, counted = time.monotonic(), self._cpu_used()
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._inmate, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._inmate, signal.SIGKILL)
        _, status, usage = os.wait4(self._inmate, 0)
        self._reap_the_rest()
        for descriptor in (self._pipes.status, self._pipes.result, self._pipes.printed):
            while self._drain(descriptor, once=True):
                pass
        if self._began is None:
            return Fault(self._no_beginning(status))
        cpu = max(usage.ru_utime + usage.ru_stime, counted) - self._began[1]
        verdict = self._final(verdict, status, cpu)
        return Finished(self._outcome(verdict, max(cpu, 0.0), now - self._began[0], usage))

    def _outcome(self, verdict: Verdict, cpu: float, wall: float, usage: resource.struct_rusage) -> Outcome:
        ending, detail = verdict
        payload = bytes(self._result[HEADER.size :]) if ending is Ending.FINISHED else b""
        tail = self._tail.decode(errors="replace")
        return Outcome(ending, payload, detail, tail, cpu, wall, usage.ru_maxrss * 1024)

    def _final(self, verdict: Verdict | None, status: int, cpu: float) -> Verdict:
        """What the last bytes and the exit status add: CPU time decides first, so that it does so
        repeatably.
        """
        if cpu > self._limits.cpu_seconds:
            return Ending.TIMEOUT, f"CPU limit: used {cpu:.2f} s, may use {self._limits.cpu_seconds:g} s"
        return verdict or self._verdict() or self._died(status)

    def _died(self, status: int) -> Verdict:
        if os.WIFSIGNALED(status):
            number = os.WTERMSIG(status)
            if number == signal.SIGKILL and not self._hung_up:
                return Ending.OUT_OF_MEMORY, "killed by the kernel: out of memory"
            return Ending.CRASHED, f"died of {signal.Signals(number).name}"
        what = "half a result" if self._result else "no result"
        return Ending.CRASHED, f"exited with status {os.waitstatus_to_exitcode(status)} and {what}"

    def _verdict(self) -> Verdict | None:
        """Judge from what was received and the clocks; None while there is nothing to say."""
        if self._printed > PRINT_LIMIT:
            return Ending.OVERSIZED, f"printed more than {PRINT_LIMIT} bytes"
        if len(self._result) >= HEADER.size:
            verdict = self._read_result()
            if verdict is not None:
                return verdict
        if self._began is None or not self._alive:
            return None
        wall = time.monotonic() - self._began[0]
        if wall > self._limits.wall_seconds:
            return Ending.TIMEOUT, f"wall limit: {self._limits.wall_seconds:g} s have passed"
        if self._cpu_used() - self._began[1] > self._limits.cpu_seconds:
            return Ending.TIMEOUT, f"CPU limit: may use {self._limits.cpu_seconds:g} s"
        return None

    def _read_result(self) -> Verdict | None:
        kind, length = HEADER.unpack_from(self._result)
        if kind >= len(KINDS):
            return Ending.CRASHED, f"sent what is no result: it begins with {bytes(self._result[:9])!r}"
        ending = KINDS[kind]
        most = self._limits.output_bytes if ending is Ending.FINISHED else 4 * MESSAGE_LIMIT
        if length > most:
            return Ending.OVERSIZED, f"a result may have {most} bytes, this one has {length}"
        received = len(self._result) - HEADER.size
        if received > length:
            return Ending.CRASHED, f"sent what is no result: {length} bytes announced, more received"
        if received < length:
            return None
        detail = "" if ending is Ending.FINISHED else self._result[HEADER.size :].decode(errors="replace")
        return ending, detail

    def _drain(self, descriptor: int, once: bool = False) -> bool:
        """Read what there is; return whether more may come (with `once`: whether something came)."""
        try:
            chunk = os.read(descriptor, _CHUNK)
        except BlockingIOError:
            return not once
        except ConnectionError:
            chunk = b""
        if descriptor == self._pipes.reply:
            self._hung_up = True
        elif descriptor == self._pipes.printed:
            self._printed += len(chunk)
            self._tail = (self._tail + chunk)[-TAIL_BYTES:]
        elif descriptor == self._pipes.status:
            self._status += chunk
            if self._status == READY and self._began is None:
                self._began = (time.monotonic(), self._cpu_used())
        else:
            self._result += chunk
        return bool(chunk)

    def _cpu_used(self) -> float:
        return self._cpu(self._inmate)

    def _nap(self) -> float:
        """Seconds until a limit could be hit at the earliest: all cores may burn CPU time at once."""
        if self._began is None:
            return _LONGEST_NAP
        wall = self._began[0] + self._limits.wall_seconds - time.monotonic()
        cpu = (self._began[1] + self._limits.cpu_seconds - self._cpu_used()) / (os.cpu_count() or 1)
        return min(_LONGEST_NAP, max(_SHORTEST_NAP, min(wall, cpu)))

    def _time_is_left_to_set_up(self) -> bool:
        return self._began is not None or time.monotonic() < self._set_up_until

    def _no_beginning(self, status: int) -> str:
        if self._hung_up:
            return "the engine hung up"
        said = self._status.decode(errors="replace")
        how = said or f"it ended with status {status} before it was isolated"
        return f"a job could not be isolated: {how}"

    def _reap_the_rest(self) -> None:
        """Without a pid namespace, orphans of the inmate come to this process, their subreaper."""
        with contextlib.suppress(ChildProcessError):
            while True:
                os.wait4(-1, 0)
