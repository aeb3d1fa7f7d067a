"""A cancellation is never lost, whatever the moment: not even that in which the answer arrives."""

import asyncio
import selectors
from collections.abc import Callable

from rooms import LIMITS

from fitness.sandbox import Room, Sandbox

EVENTS = 3
STEPS = 5


class Telling(selectors.DefaultSelector):
    """Tells whenever something that a loop waits for has happened, before the loop hears of it."""

    def __init__(self) -> None:
        super().__init__()
        self.tell: Callable[[], None] = lambda: None

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(timeout)
        if ready:
            self.tell()
        return ready


async def cancelled(sandbox: Sandbox, selector: Telling, event: int, steps: int) -> bool | None:
    """Cancel a job a few steps of the loop after an event; return if that held, None if it came too late."""
    job = asyncio.ensure_future(sandbox.run(b"answer = b'good'", LIMITS))
    loop = asyncio.get_running_loop()
    told = 0
    asked = False

    def cancel(left: int) -> None:
        nonlocal asked
        if left:
            loop.call_soon(cancel, left - 1)
        else:
            asked = job.cancel()

    def tell() -> None:
        nonlocal told
        told += 1
        if told == event:
            cancel(steps)

    selector.tell = tell
    await asyncio.wait([job])
    selector.tell = lambda: None
    return job.cancelled() if asked else None


def test_a_cancelled_job_is_cancelled_whatever_has_just_happened() -> None:
    selector = Telling()
    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selector)) as runner:
        sandbox = Sandbox(Room(name="test", handler="worst:run"))
        runner.run(sandbox.start())
        held = [
            runner.run(cancelled(sandbox, selector, event, steps))
            for event in range(1, EVENTS + 1)
            for steps in range(STEPS)
        ]
        runner.run(sandbox.close())
    assert True in held
    assert False not in held
