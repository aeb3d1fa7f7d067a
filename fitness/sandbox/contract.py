"""The words of a room: what is asked of it, what comes back, and the frames between engine and parent."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Limits(msgspec.Struct, frozen=True):
    """What one job may use.

    Attributes:
        cpu_seconds: CPU time of the job and all its threads and descendants, from the moment it is isolated.
        wall_seconds: Elapsed time, from the same moment.
        memory_bytes: Address space on top of what the warm parent already maps.
        output_bytes: The longest result.
        scratch_bytes: What the scratch folder holds; also the longest file.

    """

    cpu_seconds: float
    wall_seconds: float
    memory_bytes: int
    output_bytes: int
    scratch_bytes: int

    def __post_init__(self) -> None:
        """Refuse a limit that is not above zero."""
        for name in self.__struct_fields__:
            if not getattr(self, name) > 0:
                raise ValueError(f"a limit must be above zero: {name} is {getattr(self, name)!r}")


class Room(msgspec.Struct, frozen=True):
    """A kind of job: one warm parent that knows one handler.

    Attributes:
        name: Stands in messages.
        handler: `package.module:function`, a `def handle(payload: bytes) -> bytes`.
        warm_up: `package.module:function`, called once with no argument in the parent before it serves.
        environment: Added to the clean environment that rooms start with.
        may_spawn: Jobs may run programs from site-packages (the compiler room needs ptxas).
        isolated: False for a trusted room: jobs run in the parent itself, one at a time, under the wall
            limit alone.

    """

    name: str
    handler: str
    warm_up: str | None = None
    environment: dict[str, str] = {}
    may_spawn: bool = False
    isolated: bool = True


class Ending(StrEnum):
    """How a job ended."""

    FINISHED = "finished"
    """The handler returned bytes: they are the payload."""
    RAISED = "raised"
    """The handler raised (SystemExit and KeyboardInterrupt too) or returned something else than bytes."""
    CRASHED = "crashed"
    """The process died of a signal, exited with no result, or sent what is no result."""
    TIMEOUT = "timeout"
    """CPU or wall limit; `detail` says which."""
    OUT_OF_MEMORY = "out_of_memory"
    """An allocation failed, or the kernel's out-of-memory killer struck."""
    OVERSIZED = "oversized"
    """The result is longer than `output_bytes`, or the job printed without end."""


class Outcome(msgspec.Struct, frozen=True):
    """What became of a job.

    Attributes:
        ending: How it ended.
        payload: What the handler returned; empty unless FINISHED.
        detail: Exception with the end of its traceback, signal, exit status or the limit that was hit.
        stderr_tail: The end of what it printed (standard output and error).
        cpu_seconds: CPU time of all its processes, without what isolating it took.
        wall_seconds: Elapsed time, likewise.
        max_rss: Largest resident set of one of its processes in bytes, pages shared with the parent included.

    """

    ending: Ending
    payload: bytes = b""
    detail: str = ""
    stderr_tail: str = ""
    cpu_seconds: float = 0.0
    wall_seconds: float = 0.0
    max_rss: int = 0

    @classmethod
    def of(cls, ending: Ending, body: bytes, output_bytes: int) -> Outcome:
        """Return the outcome of a handler that returned, or failed with, `body`."""
        if ending is not Ending.FINISHED:
            return cls(ending, detail=body.decode(errors="replace"))
        if len(body) > output_bytes:
            return cls(
                Ending.OVERSIZED, detail=f"a result may have {output_bytes} bytes, this one has {len(body)}"
            )
        return cls(ending, payload=body)


class Isolation(msgspec.Struct, frozen=True):
    """What stands between a job and the machine, as found by running a job that tries; `kernevo doctor`
    shows it.

    Attributes:
        namespaces: Those that each job gets of its own: user, mount, net, ipc, pid, uts.
        landlock_abi: Version of Landlock in force, 0 for none.
        seccomp: Whether system calls are filtered.
        scratch: `tmpfs` (vanishes with the job) or `folder` (removed after it).
        view: Whether jobs see a root folder of their own with the interpreter's libraries in it and nothing
            else.
        user: Who the job is outside: `nobody`, `self` or `root`.
        threads: Threads of the warm parent; more than one makes its forks unsafe.
        bubblewrap: Always False. `bwrap` round the parent would do what `view` does, with the same calls
            (unshare, read-only binds, pivot_root): one more program to trust and no further wall.
        problems: What is missing, a line each.

    """

    namespaces: tuple[str, ...] = ()
    landlock_abi: int = 0
    seccomp: bool = False
    scratch: str = "folder"
    view: bool = False
    user: str = "self"
    threads: int = 1
    bubblewrap: bool = False
    problems: tuple[str, ...] = ()


class Started(msgspec.Struct, frozen=True, tag=True):
    """Parent to engine: it serves."""

    isolation: Isolation


class Fault(msgspec.Struct, frozen=True, tag=True):
    """Parent or supervisor to engine: the room could not do its work, whatever the job did."""

    reason: str


class Finished(msgspec.Struct, frozen=True, tag=True):
    """Supervisor to engine: a job is over."""

    outcome: Outcome


class Opening(msgspec.Struct, frozen=True):
    """Engine to parent, the first message: the room to be, and a folder of the engine's to work in."""

    room: Room
    folder: str


Reply = Started | Fault | Finished
MESSAGE_BYTES = 65536
"""Longest message on the control socket (SOCK_SEQPACKET keeps messages whole)."""
