"""Handlers for the tests. `run` is the worst candidate there is: it executes whatever it is sent."""

import subprocess  # noqa: F401  the warm parent imports it; candidates may try to use it


def run(payload: bytes) -> bytes:
    scope: dict[str, object] = {"answer": b""}
    exec(compile(payload, "<candidate>", "exec"), scope)
    return scope["answer"]  # type: ignore[return-value]


def warm_up() -> None:
    globals()["warmed"] = True


def not_a_function() -> None: ...


broken = 7
