from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from fitness.once import Once


class Work:
    """Work that waits for a gate and counts how often it was started."""

    def __init__(self, *results: int | Exception) -> None:
        self.results = list(results)
        self.started = 0
        self.gate = asyncio.Event()

    async def __call__(self) -> int:
        self.started += 1
        await self.gate.wait()
        result = self.results.pop(0)
        if isinstance(result, Exception):
            raise result
        return result


def asynchronous(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    def run() -> None:
        asyncio.run(test())

    run.__name__ = test.__name__
    return run


@asynchronous
async def test_all_who_ask_share_one_piece_of_work() -> None:
    once: Once[int] = Once()
    work = Work(5)
    asked = [asyncio.ensure_future(once.get("k", work)) for _ in range(3)]
    await asyncio.sleep(0)
    work.gate.set()
    assert await asyncio.gather(*asked) == [5, 5, 5]
    assert await once.get("k", work) == 5
    assert work.started == 1


@asynchronous
async def test_keys_are_apart() -> None:
    once: Once[int] = Once()
    work = Work(5, 6)
    work.gate.set()
    assert (await once.get("a", work), await once.get("b", work)) == (5, 6)


@asynchronous
async def test_errors_reach_all_and_are_forgotten() -> None:
    once: Once[int] = Once()
    work = Work(ValueError("no"), 5)
    asked = [asyncio.ensure_future(once.get("k", work)) for _ in range(2)]
    await asyncio.sleep(0)
    work.gate.set()
    for each in asked:
        with pytest.raises(ValueError, match="no"):
            await each
    assert await once.get("k", work) == 5
    assert work.started == 2


@asynchronous
async def test_one_who_gives_up_does_not_stop_the_others() -> None:
    once: Once[int] = Once()
    work = Work(5)
    first, second = (asyncio.ensure_future(once.get("k", work)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    work.gate.set()
    assert await second == 5
    with pytest.raises(asyncio.CancelledError):
        await first
    assert work.started == 1


@asynchronous
async def test_work_goes_on_when_all_have_given_up() -> None:
    once: Once[int] = Once()
    work = Work(5)
    only = asyncio.ensure_future(once.get("k", work))
    await asyncio.sleep(0)
    only.cancel()
    await asyncio.wait({only})
    work.gate.set()
    assert await once.get("k", work) == 5
    assert work.started == 1


@asynchronous
async def test_what_is_not_to_be_kept_is_worked_out_again() -> None:
    once: Once[int] = Once(lambda result: result > 0)
    work = Work(-1, 5, 6)
    work.gate.set()
    assert [await once.get("k", work) for _ in range(3)] == [-1, 5, 5]


@asynchronous
async def test_cancelled_work_is_forgotten() -> None:
    once: Once[int] = Once()
    work = Work(5)
    # Cancelled before it has even begun, and while it is under way.
    for steps in (0, 3):
        asked = asyncio.ensure_future(once.get("k", work))
        for _ in range(1 + steps):
            await asyncio.sleep(0)
        once.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
    work.gate.set()
    assert await once.get("k", work) == 5
