"""A self-test from end to end, through the real rooms, asking a process that has no device but reports."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from evo.errors import UsageError
from experiments.console import output
from experiments.exploits.corpus import Specimen, exploits, honest
from experiments.selftest.parts import NO_TIME
from experiments.selftest.results import SelfTest
from experiments.selftest.running import Extent, device_named, self_test
from experiments.selftest.tables import show_self_test
from experiments.suites.loader import task_names
from fitness.judge.messages import Fingerprint
from fitness.judge.probe import has_gpu
from tests.experiments.commanding import kernevo, one_line

FOUND = Fingerprint(
    name="report", arch="sm_90", backend="cuda", index=0, uuid="", units=132, memory_bytes=1 << 30,
    driver="0", torch="2.0", triton="3.7",
)  # fmt: skip
HONEST = "tile"
STOPPED, BELIEVED = "graph_replay", "skips_some_calls"
"""Cheats: the policy stops the first; the stand-in, unlike a judge, believes the second."""


def specimens(*names: str) -> tuple[Specimen, ...]:
    return tuple(each for each in (*exploits(), *honest()) if each.name in names)


def examined(program: str = "reports:main", **changes: Any) -> SelfTest:
    fields: dict[str, Any] = {
        "seeds": ("flip",), "specimens": specimens(HONEST, STOPPED, BELIEVED), "repeated": ("flip",),
        "runs": 3, "direct": (), "direct_on": "cuda:0", "at_once": 2,
    }  # fmt: skip
    extent = Extent(**{**fields, **changes})
    said: list[str] = []
    return asyncio.run(self_test(FOUND, "cuda:0", extent, said.append, f"tests.fitness.judge.{program}"))


@pytest.fixture(scope="module")
def test() -> SelfTest:
    return examined()


def test_seeds_have_latencies_noise_and_a_share_of_the_roof(test: SelfTest) -> None:
    (seed,) = test.seeds
    assert (seed.task, seed.fault) == ("flip", "")
    assert [each.workload for each in seed.timed] == ["square", "ragged_half"]
    for each in seed.timed:
        assert each.latency_ms == pytest.approx(0.4, rel=0.01)
        assert 0 < each.noise < 0.01
        assert each.share is not None
        assert each.share > 0
    assert "noise floor" in seed.note


def test_only_what_is_not_as_expected_is_told_of_the_corpus(test: SelfTest) -> None:
    told = {each.name: each for each in test.specimens}
    assert told[HONEST].missed == told[STOPPED].missed == ""
    assert told[HONEST].ended.startswith("PASSED at time: ")
    assert "is expected, got PASSED at time: " in told[BELIEVED].missed
    assert [line for line in test.unexpected() if line.startswith("cheats ")] == [
        f"cheats {BELIEVED}: {told[BELIEVED].missed}"
    ]


def test_the_same_again_and_again(test: SelfTest) -> None:
    assert [(each.task, each.workload, each.runs) for each in test.repeated] == [
        ("flip", "square", 3), ("flip", "ragged_half", 3)
    ]  # fmt: skip
    assert all(each.sd < 0.01 and not each.fault for each in test.repeated)


def test_people_get_tables_to_send(test: SelfTest, capsys: pytest.CaptureFixture[str]) -> None:
    show_self_test(output(), test)
    shown = capsys.readouterr().out
    assert "report (sm_90, driver 0, Triton 3.7), 132 units, 1 GiB, torch 2.0, cuda:0" in shown
    assert "│ flip    │ square      │" in shown
    assert f"!! cheats {BELIEVED}: " in shown
    assert "1 of all this is not as it should be, after" in shown
    assert json.loads(msgspec.json.encode(test))["seeds"][0]["task"] == "flip"


@pytest.mark.skipif(has_gpu(), reason="this machine has a GPU")
def test_a_kernel_that_cannot_be_run_directly_is_told(test: SelfTest) -> None:
    told = examined(specimens=(), repeated=(), direct=("flip",))
    assert any(line.startswith("flip run directly: run directly, it fails: ") for line in told.unexpected())


def test_a_judge_that_cannot_start_is_a_finding(test: SelfTest) -> None:
    told = examined("liars:is_unfit")
    assert told.seeds == told.specimens == ()
    assert any("invalid device ordinal" in line for line in told.unexpected())


def test_a_judge_that_dies_over_every_question_ends_nothing() -> None:
    told = examined("liars:hangs_up", specimens=specimens(HONEST, STOPPED))
    assert "CRASHED" in told.seeds[0].fault
    assert {each.name: bool(each.missed) for each in told.specimens} == {HONEST: True, STOPPED: False}
    assert told.repeated[0].fault


def test_what_there_is_no_time_for_is_told() -> None:
    told = examined(seconds=0.001)
    assert told.seeds[0].fault == NO_TIME
    assert {each.missed for each in told.specimens} == {NO_TIME}
    assert told.repeated[0].fault == NO_TIME


def test_all_of_it_is_asked_of_a_device() -> None:
    whole = Extent.whole("rocm:1")
    assert whole.seeds == tuple(task_names())
    assert len(whole.specimens) >= 80
    assert whole.direct_on == "cuda:1"


@pytest.mark.parametrize("name", ["model", "auto", "cuda", "gpu:0", "cuda:0,1"])
def test_what_is_no_gpu_is_wrong_use(name: str) -> None:
    with pytest.raises(UsageError, match="--device must be a GPU, cuda:N or rocm:N, got"):
        device_named(name)


@pytest.mark.skipif(has_gpu(), reason="this machine has a GPU")
def test_a_gpu_that_is_not_there_is_refused_in_one_line(tmp_path: Path) -> None:
    done = kernevo("doctor", "--device", "cuda:7", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert one_line(done.stderr) == "cuda:7 cannot be tested: this machine has no GPU"
    done = kernevo("doctor", "--out", "told.json", cwd=tmp_path)
    assert (done.returncode, one_line(done.stderr)) == (2, "--out goes with --device")
