"""The judge's whole work on one request, on a device made of the CPU."""

from __future__ import annotations

import math
import statistics

import msgspec
import pytest

from evo.evaluation import Stage, Status
from fitness.judge.bench import Bench
from fitness.judge.messages import Ask, Began, FromJudge, Judged, Refused, TimingRules, Unable
from tests.fitness.judge.pretend import COLD, WARM, PretendMachine, request, with_huge_output


def answer(asked: Ask, machine: PretendMachine | None = None) -> Judged | Refused | Unable:
    return Bench(machine or PretendMachine(), lambda _: None).answer(asked)


def judged(asked: Ask) -> Judged:
    told = answer(asked)
    assert isinstance(told, Judged), told
    return told


def refused(asked: Ask, machine: PretendMachine | None = None) -> Refused:
    told = answer(asked, machine)
    assert isinstance(told, Refused), told
    return told


def unhurried(rules: TimingRules) -> TimingRules:
    """Return rules under which all blocks are measured, whatever a busy machine makes of latencies."""
    return msgspec.structs.replace(rules, hopeless=1e9, precise=0.0)


@pytest.mark.parametrize("rules", [unhurried(COLD), unhurried(WARM)], ids=["cold", "warm"])
def test_a_correct_kernel_is_checked_and_timed(rules: TimingRules) -> None:
    told = judged(request("increment", rules=rules))
    (timing,) = told.timings
    assert (told.checks, told.repeats, timing.workload, timing.choice) == (2, True, "t", 0)
    assert len(timing.log_ratios) == rules.blocks
    assert all(map(math.isfinite, timing.log_ratios))
    assert timing.baseline_ms > 0
    assert timing.warm is (rules.short_us > 0)
    assert timing.calls >= 2 * rules.blocks * (12 if timing.warm else 1)


def test_a_slower_kernel_has_a_positive_log_ratio() -> None:
    (timing,) = judged(request("slow")).timings
    assert statistics.median(timing.log_ratios) > math.log(2)


def test_a_race_ends_a_hopeless_kernel_early_but_lets_it_pass() -> None:
    rules = msgspec.structs.replace(COLD, blocks=40)
    (timing,) = judged(request("slow", rules=rules)).timings
    assert len(timing.log_ratios) == rules.fewest_blocks


def test_a_race_is_against_the_best_so_far_too() -> None:
    rules = unhurried(COLD)
    asked = request("increment", rules=rules)
    far_ahead = {"t": -math.log(8 * rules.hopeless)}
    alone, behind = judged(asked), judged(msgspec.structs.replace(asked, best=far_ahead))
    assert len(alone.timings[0].log_ratios) == rules.blocks
    assert len(behind.timings[0].log_ratios) == rules.fewest_blocks


def test_the_fastest_alternative_is_picked_and_frozen() -> None:
    (timing,) = judged(request("twice", "slow", "increment")).timings
    assert timing.choice == 2
    assert timing.tuning_seconds > 0


@pytest.mark.parametrize(
    ("kernel", "status", "stage", "told"),
    [
        ("nothing", Status.WRONG, Stage.CHECK, "w/normal"),
        ("beyond", Status.CRASHED, Stage.CHECK, "8 bytes after the end of buffer 1"),
        ("before", Status.CRASHED, Stage.CHECK, "8 bytes before the first"),
        ("modifies", Status.WRONG, Stage.CHECK, "input 0 was modified"),
        ("large_wrong", Status.WRONG, Stage.TIME, "timed call"),
        ("refused", Status.OUT_OF_RESOURCES, Stage.CHECK, "LAUNCH_OUT_OF_RESOURCES"),
        ("hoards", Status.OUT_OF_RESOURCES, Stage.CHECK, "more than there is"),
    ],
)
def test_what_a_bad_kernel_is_told(kernel: str, status: Status, stage: Stage, told: str) -> None:
    reply = refused(request(kernel))
    assert (reply.status, reply.stage, reply.ends) == (status, stage, False), reply.feedback
    assert told in reply.feedback
    assert reply.checks_passed <= reply.checks_total


def test_an_output_that_is_far_too_large_is_not_copied_to_the_host() -> None:
    machine = PretendMachine(memory_bytes=1 << 40)
    reply = refused(with_huge_output(request("nothing")), machine)
    assert (reply.status, reply.stage) == (Status.WRONG, Stage.CHECK)
    assert f"{4 << 29} bytes of output" in reply.feedback


def with_families(asked: Ask, *families: str) -> Ask:
    return msgspec.structs.replace(asked, task=msgspec.structs.replace(asked.task, families=families))


@pytest.mark.parametrize("kernels", [("careless",), ("increment", "careless")], ids=["alone", "alternative"])
def test_every_family_is_met_at_the_timed_sizes(kernels: tuple[str, ...]) -> None:
    assert judged(request(*kernels)).checks == 2
    reply = refused(with_families(request(*kernels), "large", "zeros"))
    assert (reply.status, reply.stage) == (Status.WRONG, Stage.CHECK), reply.feedback
    assert "t/large" in reply.feedback
    assert reply.checks_passed < reply.checks_total == 2 + 2 * len(kernels)
    assert judged(with_families(request("increment"), "large", "zeros")).checks == 4


@pytest.mark.parametrize("rules", [COLD, WARM], ids=["cold", "warm"])
def test_a_kernel_never_finds_a_result_that_is_there_already(rules: TimingRules) -> None:
    # It computes in every call, the timed ones too: else the checked calls of those would be wrong.
    judged(request("remembers", rules=msgspec.structs.replace(rules, checked_calls=4)))


def test_a_kernel_that_breaks_the_context_ends_the_process() -> None:
    reply = refused(request("faults"))
    assert (reply.status, reply.ends) == (Status.CRASHED, True)
    assert "illegal memory access" in reply.feedback


def test_a_device_that_is_too_small() -> None:
    assert refused(request("increment"), PretendMachine(memory_bytes=1000)).status is Status.OUT_OF_RESOURCES


def test_a_reference_that_fails_is_nobody_elses_fault() -> None:
    asked = request("increment")
    broken = asked.task.reference.replace("x + 1", "x @ 1")
    told = answer(msgspec.structs.replace(asked, task=msgspec.structs.replace(asked.task, reference=broken)))
    assert isinstance(told, Unable)
    assert "TypeError" in told.reason


def test_the_engine_hears_of_each_stage() -> None:
    heard: list[FromJudge] = []
    Bench(PretendMachine(), heard.append).answer(request("increment", number=3))
    assert heard == [Began(3, Stage.CHECK), Began(3, Stage.TIME)]


def test_a_bench_goes_on_after_a_bad_kernel() -> None:
    bench = Bench(PretendMachine(), lambda _: None)
    replies = [bench.answer(request(each)) for each in ("beyond", "increment", "refused", "increment")]
    assert [type(each) for each in replies] == [Refused, Judged, Refused, Judged]
