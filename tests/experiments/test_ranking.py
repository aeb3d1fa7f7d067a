"""The benchmark of the cost model's ranking: its statistics, and what it keeps between runs."""

from __future__ import annotations

import asyncio
import gzip
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evo.candidate import Kernel
from experiments.bench.gains import gains_of
from experiments.bench.measured import Measured
from experiments.bench.ranking import (
    MEASURED,
    WORKS,
    Ranked,
    Ranking,
    figures_of,
    ranking_of,
    ranks,
    spearman,
)
from experiments.bench.variants import load_family
from experiments.bench.works import Tracer, Works
from fitness.costmodel.roofline import Estimate, explain
from fitness.devices import device_for
from fitness.rooms import open_rooms
from fitness.verdicts import Fault

H200 = device_for("sm_90")
COLUMNS = st.lists(st.integers(-50, 50), min_size=2, max_size=40)


@given(COLUMNS)
def test_ranks_are_those_of_the_sorted_values_and_ties_share(values: list[int]) -> None:
    told = ranks(values)
    for value in set(values):
        places = [place for place, each in enumerate(sorted(values)) if each == value]
        at = [number for number, each in enumerate(values) if each == value]
        assert told[at] == pytest.approx(np.mean(places))


@given(COLUMNS)
def test_what_rises_together_correlates_fully(values: list[int]) -> None:
    constant = len(set(values)) == 1
    assert spearman(values, [2.0**each for each in values]) == pytest.approx(0 if constant else 1)
    assert spearman(values, [-each for each in values]) == pytest.approx(0 if constant else -1)


def ranking(*pairs: tuple[float, float]) -> Ranking:
    return Ranking(
        family="any",
        ranked=tuple(
            Ranked(
                label=str(number), measured_ms=measured, low_ms=measured, high_ms=measured,
                estimate=Estimate(latency_ms=modelled, launches=()),
            )
            for number, (measured, modelled) in enumerate(pairs)
        ),
    )  # fmt: skip


def test_regret_is_of_the_pick_and_equals_count_against_the_model() -> None:
    assert ranking((1, 3), (2, 1), (4, 2)).regret == 2
    assert ranking((1, 1), (2, 1), (4, 2)).regret == 2
    assert ranking((1, 3), (2, 1), (4, 2)).spread == 4
    assert ranking((1, 1), (2, 2)).regret == 1


def test_the_furthest_from_its_place_comes_first() -> None:
    first = ranking((1, 4), (2, 1), (3, 2), (4, 3)).misplaced[0]
    assert (first[0].label, *first[1:]) == ("0", 1, 4)


def test_works_are_traced_once_and_then_kept(tmp_path: Path) -> None:
    whole = load_family("softmax")
    timed = msgspec.structs.replace(whole.timed, sizes={"rows": 64, "cols": 300})
    family = msgspec.structs.replace(
        whole, task=msgspec.structs.replace(whole.task, workloads=(whole.small, timed))
    )

    async def first() -> tuple[Works | Fault, Tracer]:
        async with open_rooms() as rooms:
            tracer = Tracer(rooms, H200, tmp_path)
            broken = Kernel(family.task.seed.source.replace("tl.exp", "tl.no_such"))
            assert not isinstance(await tracer.works_of(family, broken), Works)
            return await tracer.works_of(family, family.task.seed), Tracer(rooms, H200, tmp_path)

    works, again = asyncio.run(first())
    assert isinstance(works, Works)
    assert explain(works.works, H200, works.fills).latency_ms > 0
    # The rooms are closed: what comes now was kept.
    assert asyncio.run(again.works_of(family, family.task.seed)) == works
    assert len(list(tmp_path.iterdir())) == 1


def test_the_model_ranks_what_an_h200_measured() -> None:
    measured = msgspec.json.decode(MEASURED.read_bytes(), type=Measured)
    told = msgspec.msgpack.decode(gzip.decompress(WORKS.read_bytes()), type=dict[str, dict[str, Works]])
    rankings = [ranking_of(name, measured.of(name), dict(kept), H200) for name, kept in told.items()]
    figures = figures_of(rankings, measured)
    # Of 444 one is not compiled: its loop carries more than twice the registers that there are.
    assert (figures["kernels"], figures["variants"]) == (18, 443)
    assert figures["spearman_mean"] >= 0.78
    assert figures["spearman_least"] >= 0.5
    assert figures["share_of_small_regret"] >= 0.9


def test_gains_are_those_of_the_variants_that_the_model_prefers() -> None:
    perfect = ranking(*[(float(place), float(place)) for place in range(1, 21)])
    told = gains_of(perfect)
    assert told["modelled"] == told["measured"] == told["best_there_is"] > 1
    assert (told["truly_among_top"], told["spearman_within"]) == (10, 1)
    reverse = gains_of(ranking(*[(float(place), 21.0 - place) for place in range(1, 21)]))
    assert reverse["modelled"] > 1 > reverse["measured"]
    assert (reverse["truly_among_top"], reverse["spearman_within"]) == (0, -1)
    assert [each["variant"] for each in reverse["top"]] == [str(number) for number in range(19, 9, -1)]
