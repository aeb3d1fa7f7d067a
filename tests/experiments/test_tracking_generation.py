"""What is worked out of a generation, and what the journal adds to its events."""

from __future__ import annotations

import contextlib
import itertools
import math
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evo.candidate import Candidate, Proposal
from evo.evaluation import Stage, Status
from evo.events import Event, GenerationEnded, Settled
from evo.journal import JournalReader
from evo.objective import Individual, assess
from evo.records import Asked, Evaluated
from evo.settings import Mode
from experiments.tracking_generation import MOST_WORKLOADS, diversity, hypervolume, validity
from experiments.tracking_projection import Projection
from experiments.tracking_recorded import Recorded
from tests.experiments.asking import asking
from tests.standins import kernel_of, measured, verdict

SEED = verdict(kernel_of(10))


def individual(value: int, number: int = 1, status: Status = Status.PASSED, **changes: object) -> Individual:
    kernel = kernel_of(value, status=status)
    proposal = Proposal(number=number, operator="step", parents=(0,), generation=1, key=1)
    candidate = Candidate(proposal=proposal, kernel=kernel)
    evaluation = msgspec.structs.replace(verdict(kernel), **changes)
    return assess(candidate, evaluation, SEED)


def timed(wide: float, tall: float) -> Individual:
    """Return an individual with these speed-ups over the seed kernel."""
    before = {each.workload: each.latency_ms for each in SEED.measurements}
    latencies = (measured("wide", before["wide"] / wide), measured("tall", before["tall"] / tall))
    return individual(10, measurements=latencies)


@given(st.lists(st.tuples(st.floats(0.25, 8.0), st.floats(0.25, 8.0)), max_size=6))
def test_a_hypervolume_is_the_area_that_survivors_dominate(ratios: list[tuple[float, float]]) -> None:
    gains = [(max(0.0, math.log2(wide)), max(0.0, math.log2(tall))) for wide, tall in ratios]
    edges = sorted({0.0, *(gain for gain, _ in gains)})
    area = sum(
        (right - left) * max((tall for wide, tall in gains if wide >= right), default=0.0)
        for left, right in itertools.pairwise(edges)
    )
    assert hypervolume([timed(*each) for each in ratios], SEED) == pytest.approx(area, abs=1e-9)


def test_a_hypervolume_needs_a_seed_and_few_workloads() -> None:
    assert hypervolume([timed(2, 2)], None) is None
    many = tuple(measured(f"w{n}", 1.0) for n in range(MOST_WORKLOADS + 1))
    seed = msgspec.structs.replace(SEED, measurements=many)
    assert hypervolume([], seed) is None
    assert hypervolume([individual(3, status=Status.WRONG)], SEED) == 0.0


def test_validity_counts_those_that_came_through_each_stage() -> None:
    settled = [
        individual(20), individual(21, status=Status.REJECTED), individual(22, status=Status.COMPILE_ERROR),
        individual(23, status=Status.WRONG),
    ]  # fmt: skip
    repeat = msgspec.structs.replace(settled[0], evaluation=settled[0].evaluation.as_duplicate_of(0))
    shares = {"propose": 1.0, "policy": 0.75, "capture": 0.75, "compile": 0.5, "check": 0.25, "time": 0.25}
    assert {stage.name.lower() for stage in Stage} == set(shares)
    assert validity([*settled, repeat]) == {f"gen/valid/{stage}": share for stage, share in shares.items()}
    assert validity([repeat]) == {}


def test_diversity_counts_what_differs() -> None:
    same = [individual(20, plan_digest="one"), individual(21, plan_digest="one")]
    assert diversity(same) == {"gen/diversity/syntax": 1.0, "gen/diversity/plan": 0.5}
    assert diversity([]) == {}


@pytest.mark.parametrize("mode", list(Mode))
def test_sums_and_staleness_are_those_of_the_journal(tmp_path: Path, mode: Mode) -> None:
    events = asking(tmp_path, mode=mode)
    written = projected(tmp_path, events)
    with JournalReader(tmp_path / "run.sqlite") as journal:
        records = [entry.record for entry in journal.entries()]
    settled: list[int] = []
    own: list[int] = []
    for event in events:
        if isinstance(event, Settled):
            own.append(event.individual.number)
        elif isinstance(event, GenerationEnded):
            settled += own
            told = [each for each in records if isinstance(each, Evaluated) and each.number in settled]
            final = [each for each in told if each.final]
            values = written[event.generation]
            assert values["gen/tokens"] == sum(each.spend.tokens for each in final)
            assert values["gen/dollars"] == pytest.approx(sum(each.spend.dollars for each in final))
            assert values["gen/cpu_seconds"] == sum(each.evaluation.cost.cpu_seconds for each in told)
            stale = [staleness(records, number) for number in own]
            assert values["gen/staleness"] == pytest.approx(sum(stale) / len(stale))
            assert values["gen/staleness_max"] == max(stale)
            assert values["gen/hypervolume"] >= 0
            own = []
    assert written[max(written)]["gen/tokens"] > 0


def staleness(records: list[object], number: int) -> int:
    """Return what `gen/staleness` is made of, by counting."""
    asked = next(
        i for i, each in enumerate(records) if isinstance(each, Asked) and each.proposal.number == number
    )
    told = max(i for i, each in enumerate(records) if isinstance(each, Evaluated) and each.number == number)
    between = records[asked:told]
    return sum(isinstance(each, Evaluated) and each.final for each in between)


def test_a_session_that_begins_amid_a_generation_says_all_of_it(tmp_path: Path) -> None:
    events = asking(tmp_path, mode=Mode.STEADY)
    whole = snapshots(tmp_path, events)
    place = next(
        i for i, event in enumerate(events) if isinstance(event, Settled) and event.individual.number == 8
    )
    resumed = snapshots(tmp_path, events[place:])
    assert resumed
    assert resumed.items() <= whole.items()
    last = events[max(i for i, event in enumerate(events) if isinstance(event, GenerationEnded)) :]
    assert snapshots(tmp_path, last).items() <= whole.items(), "nothing of it was settled in this session"


def projected(folder: Path, events: list[Event]) -> dict[int, dict[str, float]]:
    """Return the values of each generation."""
    with contextlib.closing(Recorded(folder / "run.sqlite")) as recorded:
        projection = Projection(recorded)
        points = [point for event in events for point in projection.of(event).points]
    values: dict[int, dict[str, float]] = {}
    for point in points:
        if point.key.startswith("gen/"):
            values.setdefault(point.step, {})[point.key] = point.value
    return values


def snapshots(folder: Path, events: list[Event]) -> dict[str, str]:
    """Return the snapshots of the generations that the events end, and their sums."""
    with contextlib.closing(Recorded(folder / "run.sqlite")) as recorded:
        projection = Projection(recorded)
        writes = [projection.of(event) for event in events]
    files = {each.path: each.text for write in writes for each in write.artifacts}
    return {path: text for path, text in files.items() if path.startswith("lineage/")}
