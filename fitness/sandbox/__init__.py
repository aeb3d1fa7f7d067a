"""Rooms: warm, isolated processes in which Python that a model wrote runs (DESIGN.md §5).

    room = Room(name="capture", handler="fitness.capture:handle", warm_up="fitness.capture:warm_up")
    async with Sandbox(room) as sandbox:                # starts the warm parent; see `sandbox.isolation`
        outcome = await sandbox.run(payload, limits)    # bytes in, an `Outcome` out; many may be in flight
        if outcome.ending is Ending.FINISHED: plan = msgspec.json.decode(outcome.payload, type=Plan)

A handler is `def handle(payload: bytes) -> bytes`. It is imported once, in the warm parent, and everything
it needs must be imported there too: inside a job only the standard library, site-packages and the scratch
folder can be opened (the checkout cannot). It runs with the scratch folder as cwd, HOME, TMPDIR and
TRITON_CACHE_DIR.

What a candidate does is data (`Outcome.ending`); `run` raises `evo.errors.SandboxError` only if the room
cannot do its work: no parent can be started, or isolation that was found at start-up fails in a job. The
processes of a job:

    engine ── Sandbox ──control socket──▶ parent (warm, one thread, forks and nothing else)
                 ▲                          └─ supervisor (a fork a job: limits, one reply frame, trusted)
                 └────────reply socket──────────┘   └─ inmate (pid 1 of its own namespaces: runs the handler)
"""

from fitness.sandbox.client import Sandbox
from fitness.sandbox.contract import Ending, Isolation, Limits, Outcome, Room

__all__ = ["Ending", "Isolation", "Limits", "Outcome", "Room", "Sandbox"]
