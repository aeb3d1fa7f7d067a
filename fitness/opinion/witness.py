"""The witness: confines itself, runs a kernel's module directly, says what came out and how long that took.

`python -m fitness.opinion.witness REQUEST REPLY ENGINE SECONDS`: two descriptors, the engine's process and a
limit of CPU time. What it says is the word of a process that ran a model's Python, and no more than that.
"""

from __future__ import annotations

import os
import sys

import msgspec

from fitness.opinion.confinement import confine, enter_namespaces
from fitness.opinion.messages import Question
from fitness.sandbox import libc


def main(request: int, reply: int, engine: int, cpu_seconds: int) -> None:
    """Answer one question."""
    libc.die_with_parent(engine)
    enter_namespaces()
    from fitness.opinion.testifying import evidence_on  # imports torch, whose threads would be in the way

    os.lseek(request, 0, os.SEEK_SET)
    with os.fdopen(request, "rb") as stream:
        question = msgspec.msgpack.decode(stream.read(), type=Question)
    confine(os.environ["TMPDIR"], cpu_seconds)
    said = evidence_on(question)
    with os.fdopen(reply, "wb") as stream:
        stream.write(msgspec.msgpack.encode(said))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:5]))
