"""What kernevo raises. Candidate faults are data (`Status`); only these are exceptions.

KernevoError
├── UsageError              wrong use: one clear line, exit 2
│   ├── SettingsError           a setting that does not exist or cannot hold its value
│   ├── TaskError               a task folder that is missing or malformed
│   ├── RunFolderError          a run folder that is missing, incomplete or in use
│   ├── JournalVersionError     a journal that another version wrote
│   └── TargetError             a target that the installed Triton cannot build
└── RunFailure              the run cannot go on: one clear line, exit 1
    ├── JournalError            the journal cannot be written or read back
    ├── SandboxError            a room cannot start or died
    ├── JudgeError              the judge or its GPU cannot measure
    ├── ModelError              the language model's endpoint refuses us or is out of reach
    └── SeedError               the task's own seed kernel does not pass
"""

from __future__ import annotations

from typing import Self


class KernevoError(Exception):
    """Base of all errors that kernevo raises on purpose; its message says the rule and the value received."""


class UsageError(KernevoError):
    """The user asked for something that cannot be done."""


class SettingsError(UsageError):
    """A setting does not exist or cannot hold the value received."""


class TaskError(UsageError):
    """A task folder is missing or malformed."""


class RunFolderError(UsageError):
    """A run folder is missing, incomplete or in use by a live process."""


class JournalVersionError(UsageError):
    """A journal was written by a version of kernevo that this one cannot read."""


class TargetError(UsageError):
    """The installed Triton cannot build for the target received."""


class RunFailure(KernevoError):
    """The run cannot go on; what was journalled is safe."""


class JournalError(RunFailure):
    """The journal cannot be written (disk full, say) or does not fold back into the state it came from."""


class SandboxError(RunFailure):
    """A room (sandbox, compiler or oracle process) cannot start, or died."""


class JudgeError(RunFailure):
    """The judge or its GPU cannot measure, through no fault of a candidate."""


class ModelError(RunFailure):
    """A language model's endpoint refuses us (key, model, protocol), or is out of reach for long."""


class SeedError(RunFailure):
    """The task's own seed kernel does not pass, so nothing can be compared with it."""

    @classmethod
    def of(cls, task: str, status: str, feedback: str) -> Self:
        """Return the error of a task whose seed kernel came to this status, with what is wrong with it."""
        return cls(f"the seed kernel of task {task!r} must pass, got {status}: {feedback}")


class Unanswered(Exception):
    """An operator's reply does not come in this session. No failure: the proposal stays owed."""
