"""Cards are whole, and the same situation is told the same few that bear on it."""

from __future__ import annotations

import re

import msgspec
import pytest

from evo.candidate import Candidate, Kernel, Proposal
from evo.errors import SettingsError
from evo.evaluation import Bound, Evaluation, Measurement, Resources, Source, Stage, Status
from evo.objective import Individual, KernelFitness
from evo.task import Role
from experiments.suites.loader import load_task, task_names
from operators.llm.card_files import KNOWLEDGE, Sign, read_cards
from operators.llm.cards import MOST_CARDS, MOST_CHARACTERS, CardFile, situation_of
from operators.llm.target import Target
from operators.llm.traits import Trait, traits_of

FILES = sorted(KNOWLEDGE.glob("*.md"))
CARDS = CardFile(read_cards())
MI300X = Target(
    name="AMD MI300X", arch="gfx942", backend="hip", warp_size=64, units=304, dies=8, warps_per_unit=32,
    threads_per_program=1024, registers_per_thread=512, registers_per_lane=512, shared_bytes_per_unit=65536,
    shared_bytes_per_program=65536, memory_bytes_per_s=5.3e12, copy_bytes_per_s=4.3e12,
    last_level_bytes=256 << 20, l2_bytes=4 << 20, matrix_flops={"float16": 1.3e15}, vector_flops=1.6e14,
)  # fmt: skip
H200 = msgspec.structs.replace(MI300X, name="NVIDIA H200", arch="sm_90", backend="cuda", warp_size=32)
USED = Resources(kernel="k", registers=32, spills=0, shared_bytes=0, warps=4, occupancy=1.0)


def judged(task_name: str, status: Status, feedback: str = "", used: Resources = USED) -> Individual:
    """Return an individual of a task, its kernel the task's seed, that ended so."""
    task = load_task(task_name)
    source, device = Source.MODELLED, "model:gfx942"
    passed = status is Status.PASSED
    measurement = Measurement(
        workload="w", latency_ms=1.0, low_ms=1.0, high_ms=1.0, samples=1, source=source, device=device
    )
    evaluation = Evaluation(
        status=status, stage=Stage.TIME if passed else Stage.CHECK, source=source, device=device,
        feedback=feedback, measurements=(measurement,) if passed else (),
        resources=(used,) if passed else (),
    )  # fmt: skip
    proposal = Proposal(number=1, operator="optimise", parents=(0,), generation=1, key=1)
    candidate = Candidate(proposal=proposal, kernel=task.seed, summary="")
    return Individual(candidate=candidate, evaluation=evaluation, fitness=KernelFitness((1.0, 0.0)))


def titles(task_name: str, target: Target = MI300X, individual: Individual | None = None) -> list[str]:
    return [card.title for card in CARDS.about(load_task(task_name), target, individual)]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_card_is_short_and_every_fact_has_a_source(path):
    text = path.read_text()
    assert len(text.splitlines()) <= 40
    assert max(map(len, text.rpartition("+++\n")[2].splitlines())) <= 120
    facts = re.findall(r"^- .*?(?=^- |\Z)", text.partition("+++\n")[2].partition("+++\n")[2], re.M | re.S)
    assert len(facts) >= 3
    sources = set(re.findall(r"^(\w+) = ", text.partition("[sources]\n")[2], re.M))
    named = [re.search(r"\[([\w, ]+)\]\s*\Z", fact) for fact in facts]
    assert all(named)
    assert {name for each in named for name in each[1].split(", ")} == sources


def test_there_is_a_card_for_each_way_to_fail_and_titles_differ():
    headings = [filed.heading for filed in read_cards()]
    covered = {status for heading in headings for status in heading.statuses}
    assert covered == set(Status) - {Status.PASSED, Status.DUPLICATE}
    assert len({heading.title for heading in headings}) == len(headings)
    assert {arch for heading in headings for arch in heading.archs} == {"gfx942", "sm_90"}
    assert not any("[" in line[-12:] for filed in read_cards() for line in filed.card.text.splitlines())


@pytest.mark.parametrize("name", task_names())
def test_any_task_is_told_a_few_cards_of_its_target_only(name):
    for target, other in ((MI300X, "Hopper"), (H200, "MI300X:")):
        for individual in (None, judged(name, Status.WRONG), judged(name, Status.PASSED)):
            cards = CARDS.about(load_task(name), target, individual)
            assert 2 <= len(cards) <= MOST_CARDS
            assert sum(len(card.title) + len(card.text) for card in cards) <= MOST_CHARACTERS
            assert not any(other in card.title for card in cards)
            assert cards == CARDS.about(load_task(name), target, individual)


def test_the_kind_of_work_decides_what_comes_first():
    assert titles("softmax")[0] == "Softmax and the online maximum"
    assert titles("cumsum")[0] == "Running sums and other scans"
    assert titles("matmul")[:2] == ["MI300X: products and the order of tiles", "tl.dot and tiled products"]
    assert titles("matmul", H200)[:2] == ["Hopper: products and hints", "tl.dot and tiled products"]
    assert "Gathers and scatters" in titles("embedding")
    assert "Too few tiles: split-K and atomics" in titles("histogram")
    assert "tl.dot and tiled products" not in titles("flip")
    assert not any(title.startswith("When ") for name in task_names() for title in titles(name))


@pytest.mark.parametrize(
    ("status", "title"),
    [
        (Status.COMPILE_ERROR, "When it does not compile"),
        (Status.OUT_OF_RESOURCES, "When it does not fit the GPU"),
        (Status.CRASHED, "When it strays or crashes"),
        (Status.WRONG, "When results are wrong"),
        (Status.REJECTED, "When the rules reject it"),
        (Status.UNSUPPORTED, "When host code cannot be recorded"),
        (Status.TIMEOUT, "When it takes too long"),
        (Status.MALFORMED, "When the module is no module"),
    ],
)
def test_a_failure_is_told_its_card_first(status, title):
    assert titles("softmax", MI300X, judged("softmax", status))[0] == title
    assert sum(each.startswith("When ") for each in titles("flip", H200, judged("flip", status))) == 1


def test_a_bottleneck_brings_its_cards():
    spilling = msgspec.structs.replace(USED, spills=40, occupancy=0.25, bound=Bound.LATENCY)
    assert titles("gelu", MI300X, judged("gelu", Status.PASSED, used=spilling))[0] == (
        "MI300X: registers, LDS and occupancy"
    )
    waiting = msgspec.structs.replace(USED, bound=Bound.MEMORY)
    assert titles("matmul", MI300X, judged("matmul", Status.PASSED, used=waiting))[1] == (
        "Kernels that wait for memory"
    )
    assert "MI300X: registers, LDS and occupancy" not in titles("gelu", MI300X, judged("gelu", Status.PASSED))


def test_resources_show_signs():
    def signs(used: Resources) -> frozenset[Sign]:
        situation = situation_of(load_task("gelu"), MI300X, judged("gelu", Status.PASSED, used=used))
        return situation.signs

    assert signs(USED) == set()
    assert signs(msgspec.structs.replace(USED, spills=1)) == {Sign.SPILLS}
    assert signs(msgspec.structs.replace(USED, occupancy=0.25)) == {Sign.IDLE}
    assert signs(msgspec.structs.replace(USED, shared_bytes=40_000)) == {Sign.WIDE}
    assert signs(msgspec.structs.replace(USED, warps=16, occupancy=0.5)) == {Sign.WIDE}


def test_traits_are_read_off_source_and_sizes():
    def traits(name: str) -> frozenset[Trait]:
        return traits_of(load_task(name), MI300X, load_task(name).seed.source)

    assert traits("flip") == {Trait.ELEMENTWISE, Trait.HALF, Trait.MEMORY}
    assert {Trait.REDUCTION, Trait.SOFTMAX, Trait.LOOP} <= traits("softmax")
    assert {Trait.MATMUL, Trait.COMPUTE} <= traits("matmul")
    assert {Trait.ATTENTION, Trait.MATMUL} <= traits("flash_attention")
    assert Trait.SCAN in traits("cumsum")
    assert Trait.GATHER in traits("embedding")
    assert {Trait.ATOMICS, Trait.INTEGER} <= traits("histogram")
    assert Trait.GATHER not in traits("layer_norm")
    task = load_task("flip")
    assert traits_of(task, MI300X, "def half(:") == {Trait.HALF, Trait.MEMORY}
    assert traits_of(task, MI300X, "") == {Trait.ELEMENTWISE, Trait.HALF, Trait.MEMORY}
    timed = tuple(each for each in task.workloads if each.role is Role.CHECK)
    assert Trait.MEMORY in traits_of(msgspec.structs.replace(task, workloads=timed), MI300X, "")


def test_a_parent_without_a_kernel_is_told_by_the_seed():
    broken = judged("softmax", Status.MALFORMED)
    nothing = msgspec.structs.replace(broken.candidate, kernel=None)
    bare = msgspec.structs.replace(broken, candidate=nothing)
    unread = msgspec.structs.replace(broken, candidate=msgspec.structs.replace(nothing, kernel=Kernel("(")))
    assert titles("softmax", MI300X, bare) == titles("softmax", MI300X, broken)
    assert titles("softmax", MI300X, unread)[0] == "When the module is no module"


GOOD = '+++\ntitle = "t"\n[sources]\na = "A book"\n+++\n- One. [a]\n- Two\n  lines. [a]\n'


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "must begin with a heading"),
        (GOOD[4:], "must begin with a heading"),
        (GOOD.replace('"t"', '""'), "needs a title"),
        (GOOD.replace("[sources]\na", "[sources]\n# a"), "needs a title and sources"),
        (GOOD.replace("title", "titel"), "titel"),
        (GOOD.replace("[sources]", 'statuses = ["BAD"]\n[sources]'), "BAD"),
        (GOOD.replace("[sources]", 'statuses = ["WRONG"]\ntraits = ["scan"]\n[sources]'), "got both"),
        (GOOD.replace("[sources]", 'words = ["nan"]\n[sources]'), "words are of failures"),
        (GOOD.replace("One. [a]", "One."), r"must hold facts that begin with '- ' and end with \[source\]"),
        (GOOD.replace("One. [a]", "One. [b]"), "must name its sources, got no b"),
        (GOOD.replace("- One", "One"), "must hold facts"),
        (GOOD.partition("- One")[0], "must hold facts"),
    ],
)
def test_a_file_that_is_no_card_is_refused(tmp_path, text, told):
    (tmp_path / "card.md").write_text(text)
    with pytest.raises(SettingsError, match=told):
        read_cards(tmp_path)


def test_a_card_is_read_without_its_sources(tmp_path):
    (tmp_path / "card.md").write_text(GOOD)
    (filed,) = read_cards(tmp_path)
    assert (filed.card.title, filed.card.text) == ("t", "- One.\n- Two lines.")
    assert read_cards(tmp_path / "none") == ()
