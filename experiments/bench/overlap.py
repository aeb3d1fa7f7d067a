"""How much of the time does the evaluator wait for models, with replies of 20 s and evaluations of 2 s?

`python -m experiments.bench.overlap`. Three ways to search ask the same endpoint over real sockets: steady,
generational, and a serial loop that asks, then evaluates. Replies take 10 to 30 s. All seconds pass `SPEED`
times as fast as real ones, those of both sides alike; what the search itself costs does not, so that idle
shares here are, if anything, larger than they would be.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from evo.budget import Budget
from evo.settings import Mode, SearchSettings
from experiments.bench.asking import MODEL, SlowEvaluator, number_in, searched
from experiments.bench.endpoint import Answer, Endpoint, Received, completion
from experiments.bench.results import write_results
from operators.llm.clock import Clock
from operators.llm.settings import LlmSettings

SPEED = 10.0
"""Seconds of the bench in a real one."""
REPLY_SECONDS = (10.0, 30.0)
EVALUATION_SECONDS = 2.0
WARM = (0.2, 0.9)
"""The shares of the evaluations between which idle time is counted: before, there is nothing to evaluate yet,
after, nobody is asked any more."""
MOST_IDLE = 0.05


class Way(msgspec.Struct, frozen=True):
    """A way to search: mode, calls in flight and candidates, of which slow ways get fewer."""

    mode: Mode
    calls: int
    candidates: int


WAYS = {
    "steady": Way(Mode.STEADY, 16, 200),
    "steady, too few calls": Way(Mode.STEADY, 5, 100),
    "generational": Way(Mode.GENERATIONAL, 16, 97),
    "serial": Way(Mode.GENERATIONAL, 1, 13),
}


def script(received: Received) -> Answer:
    """Return the reply, after as long as the proposal's number draws."""
    number = number_in(received)
    delay = random.Random(number).uniform(*REPLY_SECONDS) / SPEED
    return completion(f"kernel = {number}\n", delay=delay)


def idle_share(spans: Sequence[tuple[float, float]]) -> float:
    """Return the share of the time after warm-up in which none of the evaluations was under way.

    The spans are of one evaluator that does one thing at a time, in order.
    """
    first, last = (int(share * (len(spans) - 1)) for share in WARM)
    counted = spans[first:last]
    whole = spans[last][0] - counted[0][0]
    return 1 - sum(end - begun for begun, end in counted) / whole


async def run(way: Way, path: Path) -> dict[str, Any]:
    """Search in one way, and return what was seen."""
    clock = Clock(SPEED)
    evaluator = SlowEvaluator(clock, EVALUATION_SECONDS)
    offspring = 1 if way.calls == 1 else 16
    search = SearchSettings(
        mode=way.mode, seed=1, budget=Budget(evaluations=way.candidates), offspring=offspring,
        proposals_in_flight=way.calls, evaluations_in_flight=1,
    )  # fmt: skip
    llm = LlmSettings(models=(MODEL,), calls_in_flight=way.calls)
    async with Endpoint(script) as endpoint:
        asked = await searched(endpoint, evaluator, clock, path, search, llm)
    assert len(asked.called) == way.candidates - 1, len(asked.called)
    return {
        "candidates": way.candidates,
        "calls_in_flight": way.calls,
        "most_calls_at_once": endpoint.most_at_once,
        "evaluator_idle_share": round(idle_share(evaluator.spans), 4),
        "seconds_a_candidate": round(asked.seconds / way.candidates, 2),
    }


def main() -> None:
    """Search in every way, and write what was seen."""
    figures: dict[str, Any] = {
        "speed": SPEED,
        "reply_seconds": REPLY_SECONDS,
        "evaluation_seconds": EVALUATION_SECONDS,
        "most_idle": MOST_IDLE,
    }
    for name, way in WAYS.items():
        with tempfile.TemporaryDirectory() as folder:
            figures[name] = asyncio.run(run(way, Path(folder) / "run.sqlite"))
        print(f"{name:24}", *(f"{what} {value}" for what, value in figures[name].items()), flush=True)
    print(write_results("overlap", figures))


if __name__ == "__main__":
    main()
