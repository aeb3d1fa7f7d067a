"""A search whose endpoint fails in every way it may: is every call accounted for, and how long does it take?

`python -m experiments.bench.faults [CANDIDATES]`. Two searches of the real loop, journal and client ask an
endpoint over real sockets for kernels, which takes 20 s a reply; the second one also meets a fault on a
quarter of its first tries, and again on some of the second ones. All seconds, of replies, waits and limits
alike, pass `SPEED` times as fast as real ones, so that nothing is left out but waiting.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from email.utils import formatdate
from pathlib import Path
from typing import Any

import msgspec

from evo.budget import Budget
from evo.settings import Mode, SearchSettings
from experiments.bench.asking import MODEL, Asked, number_in, searched
from experiments.bench.endpoint import (
    DROPPED,
    HANGING,
    WRONG_JSON,
    Answer,
    Endpoint,
    Received,
    completion,
    empty,
    failure,
)
from experiments.bench.engine import NullEvaluator
from experiments.bench.results import write_results
from operators.llm.clock import Clock
from operators.llm.completion import Completion, completion_in
from operators.llm.contract import Finish
from operators.llm.settings import LlmSettings

CANDIDATES = 300
SPEED = 20.0
"""Seconds of the bench in a real one."""
REPLY_SECONDS = 20.0
TRY_SECONDS = 60.0
DEADLINE_SECONDS = 200.0
CALLS = 12
FAULTY = (0.25, 0.3)
"""Shares of first and second tries of a call that meet a fault; later ones meet none."""
MOST_TIMES = 1.2

REPLY = (100, 20)
"""Tokens of every reply."""


class Faults:
    """The script of an endpoint whose calls meet faults, drawn by proposal and try.

    Attributes:
        sent: how often each kind of answer was given.
    """

    def __init__(self, clock: Clock, speed: float, shares: tuple[float, ...], *, hangs: bool = True) -> None:
        """Let these shares of the first, second… tries of a call meet a fault, at a clock of this speed."""
        self._hangs = hangs
        self.sent: Counter[str] = Counter()
        self._late = REPLY_SECONDS / speed
        self._clock = clock
        self._shares = shares
        self._tries: Counter[int] = Counter()

    def __call__(self, received: Received) -> Answer:
        """Return what becomes of a request."""
        number = number_in(received)
        turn, self._tries[number] = self._tries[number], self._tries[number] + 1
        rng = random.Random(f"{number} {turn}")
        share = self._shares[turn] if turn < len(self._shares) else 0.0
        name = (
            rng.choice([each for each in self._kinds() if self._hangs or each != "hanging"])
            if rng.random() < share
            else "reply"
        )
        self.sent[name] += 1
        return self._kinds()[name](number) if name != "reply" else self._reply(number)

    def _kinds(self) -> dict[str, Callable[[int], Answer]]:
        """Return every fault by its name; where a model had worked, it takes the time of a reply."""
        late = self._late
        later = {"Retry-After": formatdate(self._clock.date() + 5, usegmt=True)}
        return {
            "429": lambda _: failure(429),
            "429, seconds": lambda _: failure(429, headers={"Retry-After": "5"}),
            "429, date": lambda _: failure(429, headers=later),
            "500": lambda _: failure(500),
            "dropped": lambda _: DROPPED,
            "hanging": lambda _: HANGING,
            "half a body": lambda number: self._reply(number, way="half"),
            "empty choice": lambda _: msgspec.structs.replace(empty(), delay=late),
            "cut-off": lambda number: self._reply(number, finish="length"),
            "wrong JSON": lambda _: msgspec.structs.replace(WRONG_JSON, delay=late),
            "twice as slow": lambda number: self._reply(number, delay=2 * late),
        }

    def _reply(self, number: int, **changes: Any) -> Answer:
        delay = changes.pop("delay", self._late)
        return completion(f"kernel = {number}\n", usage=REPLY, delay=delay, **changes)


def account(asked: Asked) -> dict[str, int]:
    """Return what endpoint and journal say of the same calls; nothing may be lost or doubled.

    A reply is lost if the endpoint sent it whole and the journal has none, doubled if it was sent or kept
    more than once.
    """
    sent = Counter(each for each in map(_sent, asked.received) if each is not None)
    kept = Counter((record.number, reply.text) for record, reply in asked.called if reply.text)
    requests = Counter(number_in(each) for each in asked.received)
    tries = {record.number: reply.tries for record, reply in asked.called}
    return {
        "requests": len(asked.received),
        "calls": len(asked.called),
        "calls_lost": len(requests.keys() - tries.keys()),
        "calls_doubled": len(asked.called) - len(tries),
        "tries_miscounted": sum(count != tries.get(number) for number, count in requests.items()),
        "replies_sent": sent.total(),
        "replies_lost": (sent - kept).total(),
        "replies_doubled": sum(count - 1 for count in (sent | kept).values()),
        "replies_nobody_sent": (kept - sent).total(),
        "replies_that_failed": sum(reply.finish is Finish.FAILED for _, reply in asked.called),
        "replies_cut_off": sum(reply.finish is Finish.LENGTH for _, reply in asked.called),
        "tokens_sent": sum(map(_tokens, asked.received)),
        "tokens_journalled": sum(record.spend.tokens for record, _ in asked.called),
        "tokens_of_candidates": asked.engine.spend.tokens,
    }


async def faced(
    shares: tuple[float, ...], candidates: int, path: Path, speed: float = SPEED, patience: float = 1.0
) -> tuple[Asked, Counter[str]]:
    """Search with an endpoint of which these shares of tries fail; return also how often it gave what.

    The limits of time are so many times as long as `patience` says; with more than 1 no request is left
    hanging, so that what is seen does not depend on how busy the machine is.
    """
    clock = Clock(speed)
    script = Faults(clock, speed, shares, hangs=patience <= 1)
    search = SearchSettings(
        mode=Mode.STEADY, seed=1, budget=Budget(evaluations=candidates), proposals_in_flight=CALLS,
        evaluations_in_flight=2,
    )  # fmt: skip
    llm = LlmSettings(
        models=(MODEL,), calls_in_flight=CALLS, try_seconds=patience * TRY_SECONDS,
        deadline_seconds=patience * DEADLINE_SECONDS,
    )  # fmt: skip
    async with Endpoint(script) as endpoint:
        asked = await searched(endpoint, NullEvaluator(), clock, path, search, llm)
    return asked, script.sent


def main(candidates: int) -> None:
    """Search without and with faults, check the accounts, and write them."""
    figures: dict[str, Any] = {
        "candidates": candidates,
        "speed": SPEED,
        "reply_seconds": REPLY_SECONDS,
        "try_seconds": TRY_SECONDS,
        "deadline_seconds": DEADLINE_SECONDS,
        "calls_in_flight": CALLS,
    }
    walls = {}
    for name, shares in (("clean", ()), ("faulty", FAULTY)):
        with tempfile.TemporaryDirectory() as folder:
            asked, sent = asyncio.run(faced(shares, candidates, Path(folder) / "run.sqlite"))
        assert asked.engine.told == candidates, asked.engine.told
        told = account(asked)
        check(told, candidates)
        walls[name] = asked.seconds
        figures[name] = {
            "wall_seconds": round(asked.seconds, 1),
            "answers": dict(sorted(sent.items())),
            **told,
        }
    limit = MOST_TIMES * walls["clean"] + DEADLINE_SECONDS
    figures["times_clean"] = round(walls["faulty"] / walls["clean"], 3)
    figures["limit_seconds"] = round(limit, 1)
    figures["within_limit"] = walls["faulty"] <= limit
    print(json.dumps(figures, indent=2))
    print(write_results("faults", figures))


def check(told: dict[str, int], candidates: int) -> None:
    """Check that every call is accounted for.

    Raises:
        AssertionError: one was lost, doubled or paid for otherwise than told.
    """
    wrong = ("lost", "doubled", "miscounted", "nobody_sent")
    assert not any(count for name, count in told.items() if name.endswith(wrong)), told
    assert told["calls"] == candidates - 1, told  # nobody is asked for the seed
    assert told["tokens_sent"] == told["tokens_journalled"] == told["tokens_of_candidates"], told


def _sent(received: Received) -> tuple[int, str] | None:
    """Return the proposal and the text of a reply that was sent whole."""
    completion = _completion(received)
    return None if completion is None or not completion.text else (number_in(received), completion.text)


def _tokens(received: Received) -> int:
    """Return the tokens that an answer told of, if it was sent whole."""
    completion = _completion(received)
    usage = None if completion is None else completion.usage
    return (usage.prompt_tokens or 0) + (usage.completion_tokens or 0) if usage else 0


def _completion(received: Received) -> Completion | None:
    if not received.sent or received.answer.status != 200:
        return None
    try:
        return completion_in(received.answer.body)
    except ValueError:
        return None


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else CANDIDATES)
