import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # rooms import their handlers by the engine's own path

from rooms import Bench, only, parents

from fitness.sandbox import Room


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    others = len(parents())
    bench = Bench(Room(name="test", handler="worst:run", warm_up="worst:warm_up"))
    yield bench
    bench.close()
    assert only(others)


@pytest.fixture(scope="module")
def spawning() -> Iterator[Bench]:
    others = len(parents())
    bench = Bench(Room(name="spawning", handler="worst:run", may_spawn=True))
    yield bench
    bench.close()
    assert only(others)
