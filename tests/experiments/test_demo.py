"""The committed recordings hold what they say, and drive searches that end with kernels that pass."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path

import msgspec
import pytest

from evo.candidate import Kernel
from evo.engine import Engine
from evo.errors import SettingsError
from evo.evaluation import Evaluation, Source, Stage, Status
from evo.identity import lineage_digest
from evo.loop import Search
from evo.task import Role, Task
from experiments.bench.demo import figures_of, settings_of
from experiments.bench.suite import run_in
from experiments.build import build_engine
from experiments.run_folder import new_run_folder
from experiments.session import begin
from experiments.shown import RECORDINGS, core_samples, corpus_of, exemplars_for, recording_of
from experiments.suites.loader import load_task, task_names
from fitness.policy import breach
from operators.llm.recording import Line
from operators.llm.replies import Answer, read_reply
from operators.llm.settings import LlmSettings
from tests.standins import measured

DEVICE = "model:gfx942"
TASKS = ("flip", "softmax")
OPERATORS = {"generate", "reflect", "optimise", "combine"}


class Skimming:
    """Judges by the source policy; what passes it is wrong or has a latency as its source draws it."""

    source = Source.MODELLED
    device = DEVICE

    async def evaluate(self, kernel: Kernel, task: Task) -> Evaluation:
        found = breach(kernel.source, task.entry_point)
        if found:
            return Evaluation(
                status=found.status, stage=Stage.POLICY, source=self.source, device=DEVICE,
                feedback=found.feedback,
            )  # fmt: skip
        drawn = int.from_bytes(hashlib.sha256(kernel.source.encode()).digest()[:2])
        if drawn % 4 == 0 and kernel != task.seed:
            return Evaluation(
                status=Status.WRONG, stage=Stage.CHECK, source=self.source, device=DEVICE, checks_total=1,
                feedback="output 0 is wrong", plan_digest=kernel.digest,
            )  # fmt: skip
        latency = 2.0 if kernel == task.seed else 1.0 + drawn / 65536
        timed = [workload.name for workload in task.having(Role.TIME)]
        return Evaluation(
            status=Status.PASSED, stage=Stage.TIME, source=self.source, device=DEVICE, checks_passed=1,
            checks_total=1, measurements=tuple(measured(name, latency, DEVICE) for name in timed),
            plan_digest=kernel.digest,
        )  # fmt: skip


def searched(task: str, folder: Path, at_once: int) -> Engine:
    settings = settings_of(task, "gfx942", "model")
    working = msgspec.structs.replace(
        settings.search, proposals_in_flight=at_once, evaluations_in_flight=at_once
    )
    settings = msgspec.structs.replace(settings, search=working)
    engine = build_engine(settings, load_task(task))
    with begin(new_run_folder(folder / str(at_once)), settings, engine).journal as journal:
        asyncio.run(Search(engine, Skimming(), journal).run(settings.to_toml()))
    return engine


def lines_of(task: str) -> list[Line]:
    text = (RECORDINGS / f"{task}.jsonl").read_text()
    return [msgspec.json.decode(line, type=Line) for line in text.splitlines()[1:]]


@pytest.mark.parametrize("task", TASKS)
def test_a_recording_says_who_wrote_it_and_has_replies_for_every_operator(task):
    provider = recording_of(settings_of(task, "gfx942", "model").operators.llm)
    heading = provider.heading
    assert "AI assistant" in heading.author
    assert (heading.written, heading.task) == ("2026-11-23", task)
    lines = lines_of(task)
    assert {line.operator for line in lines} == OPERATORS
    assert len({line.reply for line in lines}) == len(lines) >= 30


@pytest.mark.parametrize("task", TASKS)
def test_replies_are_read_as_models_replies_are(task):
    known = load_task(task)
    cut_off = {"stop": "", "length": "the reply is cut off"}
    read = [
        read_reply(line.reply, known.entry_point, known.seed.source, cut_off[line.finish])
        for line in lines_of(task)
    ]
    answers = [each for each in read if isinstance(each, Answer)]
    assert len(read) - len(answers) in (1, 2, 3)
    assert all(answer.strategy for answer in answers)
    breaches = [breach(answer.source, known.entry_point) for answer in answers]
    assert 1 <= sum(each is not None for each in breaches) <= 3


@pytest.mark.parametrize("task", TASKS)
def test_a_demo_is_the_same_search_however_many_calls_are_under_way(task, tmp_path):
    alone, together = (searched(task, tmp_path, at_once) for at_once in (1, 3))
    assert lineage_digest(alone.individuals.values()) == lineage_digest(together.individuals.values())
    made = {each.candidate.proposal.operator for each in alone.individuals.values()}
    assert made == {"seed", *OPERATORS}
    assert alone.elite.speedup > 1
    assert alone.told == 31


def test_a_recording_of_ones_own_is_found_by_its_path(tmp_path, monkeypatch):
    llm = settings_of("flip", "gfx942", "model").operators.llm
    text = (RECORDINGS / "softmax.jsonl").read_text()
    (tmp_path / "mine.jsonl").write_text(text)
    mine = msgspec.structs.replace(llm, recording=str(tmp_path / "mine.jsonl"))
    assert recording_of(mine).heading.task == "softmax"
    assert recording_of(llm).heading.task == "flip"
    monkeypatch.chdir(tmp_path)
    (tmp_path / "flip.jsonl").write_text(text)
    assert recording_of(llm).heading.task == "softmax"
    for missing, told in (("none.jsonl", "recording none.jsonl cannot be read"), ("", "must name the file")):
        with pytest.raises(SettingsError, match=told):
            recording_of(msgspec.structs.replace(llm, recording=missing))
    assert recording_of(LlmSettings(provider="exchange")) is None


def test_the_corpus_is_the_core_suite_and_the_users_folders(tmp_path):
    assert [sample.task for sample in core_samples()] == task_names()
    unlike = "import triton\n\n\n@triton.jit\ndef zigzag_kernel(a, b):\n    zigzag.turn(a, b)\n"
    (tmp_path / "mine.py").write_text(unlike)
    (tmp_path / "broken.py").write_text("(")
    settings = LlmSettings(corpus=(str(tmp_path),))
    assert [note.rpartition("/")[2] for note in corpus_of(settings).notes] == ["broken.py: is not Python"]
    found = exemplars_for(settings).nearest(Kernel("zigzag.turn(zigzag)"), load_task("flip"))
    assert (found.task, found.source) == ("mine", unlike)
    with pytest.raises(SettingsError, match="corpus folder"):
        exemplars_for(LlmSettings(corpus=(str(tmp_path / "none"),)))


@pytest.mark.thorough
@pytest.mark.parametrize("task", TASKS)
def test_a_demo_ends_with_a_kernel_that_passes(task, tmp_path):
    asyncio.run(run_in(tmp_path / task, settings_of(task, "gfx942", "model")))
    figures = figures_of(tmp_path / task)
    assert figures["source"] == "modelled"
    assert figures["speedup"] > 1.2
    assert set(figures["operators"]) == OPERATORS
    assert figures["passed"] >= 10
    assert (tmp_path / task / "best.py").exists()
