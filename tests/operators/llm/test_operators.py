"""The operators that ask models: what they apply to, ask, send back, and make of what they hear."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence

import pytest

from evo.candidate import Proposal, Spend
from evo.evaluation import Bound, Status
from evo.objective import Individual
from evo.protocols import Closing, Consulting, Draft, Malformed, Operator, Spending
from evo.selection import UNFIT
from evo.task import Task
from operators.llm.attempts import KINDS
from operators.llm.build import llm_operators
from operators.llm.contract import Finish, Reply, Request
from operators.llm.conversation import LONGEST_PROMPT, LONGEST_SYSTEM, size
from operators.llm.directions import DIRECTIONS, direction
from operators.llm.operator import ModelOperator
from operators.llm.settings import LlmSettings
from operators.observing import Observing
from tests.contracts.operators import OperatorContract
from tests.operators.llm.goldens import FAILED, TILED, WEIGHTS, WHOLE, OneCard, OneExemplar, stuck_line
from tests.operators.llm.prompted import (
    SEED,
    TARGET,
    TASK,
    Archive,
    Scripted,
    llm_settings,
    module_reply,
    reply,
    settled,
    variant,
)

PARENTS = {"generate": (), "optimise": (WHOLE,), "combine": (TILED, WHOLE), "reflect": (FAILED,)}
Say = Callable[[Request, Proposal, int], str | Reply]


class Bench:
    """The operators of some settings at work on a small past, and all that was asked of the model."""

    def __init__(self, say: Say, settings: LlmSettings | None = None, *known: Individual) -> None:
        self.script = Scripted(say)
        self.archive = Archive(*(known or (TILED, WHOLE, FAILED)))
        self.operators = llm_operators(
            settings or llm_settings(), WEIGHTS, self.script, TARGET, OneExemplar(), OneCard()
        )
        for operator in self.operators.values():
            operator.consult(self.archive)
            for individual in self.archive.individuals.values():
                operator.observe(individual)

    def propose(
        self, name: str, parents: Sequence[Individual] | None = None, key: int = 1, task: Task = TASK
    ) -> Draft | Malformed:
        chosen = PARENTS[name.partition("@")[0]] if parents is None else parents
        numbers = tuple(parent.number for parent in chosen)
        proposal = Proposal(number=20 + key, operator=name, parents=numbers, generation=3, key=key)
        return asyncio.run(self.operators[name].propose(proposal, chosen, task))

    @property
    def requests(self) -> list[Request]:
        return [request for _, request in self.script.asked]


def by_key(request: Request, proposal: Proposal, turn: int) -> str:
    """Return a module of its own for each key, and for some keys a reply without any, always or at first."""
    if proposal.key == 0 or (proposal.key == 1 and turn == 0):
        return "I would rather not."
    return module_reply(variant(16 + proposal.key % 97))


class TestOperators(OperatorContract):
    @pytest.fixture(params=[*KINDS, "optimise@two"])
    def operator(self, request: pytest.FixtureRequest) -> Operator:
        models = ("one", "two") if "@" in request.param else ("one",)
        return Bench(by_key, llm_settings(*models)).operators[request.param]

    @pytest.fixture
    def task(self) -> Task:
        return TASK

    @pytest.fixture
    def parents(self, operator: Operator) -> Sequence[Individual]:
        return PARENTS[operator.name.partition("@")[0]]


def test_they_fit_the_protocols_that_a_run_asks_for():
    for operator in Bench(by_key).operators.values():
        assert isinstance(operator, Consulting)
        assert isinstance(operator, Spending)
        assert isinstance(operator, Observing)


def test_they_close_the_provider_that_can_be_closed():
    class Closable(Scripted):
        closed = 0

        async def aclose(self) -> None:
            self.closed += 1

    provider = Closable(by_key)
    for operator in llm_operators(llm_settings(), WEIGHTS, provider, TARGET).values():
        assert isinstance(operator, Closing)
        asyncio.run(operator.aclose())
    assert provider.closed == len(KINDS)
    for operator in Bench(by_key).operators.values():
        asyncio.run(operator.aclose())


def test_what_each_applies_to():
    operators = Bench(by_key).operators
    broken = [settled(9, variant(9), parents=[0], status=status) for status in set(Status) - {Status.PASSED}]
    mute = settled(8, None, parents=[0], status=Status.MALFORMED)
    huge = settled(7, variant(7, "x" * 20_000))
    assert operators["generate"].applies((), TASK)
    for parent in broken:
        mendable = parent.evaluation.status not in UNFIT
        assert operators["reflect"].applies((parent,), TASK) is mendable
        assert not operators["optimise"].applies((parent,), TASK)
        assert not operators["combine"].applies((WHOLE, parent), TASK)
    for name in ("reflect", "optimise"):
        assert not operators[name].applies((mute,), TASK)
        assert not operators[name].applies((huge,), TASK)
    assert not operators["reflect"].applies((WHOLE,), TASK)
    assert operators["combine"].applies((WHOLE, TILED), TASK)
    alike = settled(6, variant(4096, "the same but for this"))
    assert not operators["combine"].applies((WHOLE, alike), TASK)
    assert not operators["combine"].applies((WHOLE, huge), TASK)


def test_a_reply_becomes_a_kernel_with_its_strategy_spend_and_request():
    bench = Bench(lambda request, proposal, turn: module_reply(variant(64), "small tiles"))
    draft = bench.propose("optimise")
    assert isinstance(draft, Draft)
    assert draft.kernel.source == variant(64)
    assert draft.summary == "optimise: small tiles"
    [request] = bench.requests
    assert draft.request == request.digest
    assert (
        draft.spend
        == bench.archive.spent
        == Spend(tokens_in=10, tokens_out=len(module_reply(variant(64), "small tiles")), calls=1)
    )


def test_a_bad_reply_is_sent_back_with_its_reason_in_the_same_conversation():
    bench = Bench(lambda request, proposal, turn: "no code" if turn == 0 else module_reply(variant(64)))
    draft = bench.propose("optimise")
    assert isinstance(draft, Draft)
    first, second = bench.requests
    assert second.messages[: len(first.messages)] == first.messages
    assert [message.role for message in second.messages[len(first.messages) :]] == ["assistant", "user"]
    assert second.messages[-2].content == "no code"
    assert "the reply holds no code" in second.messages[-1].content
    assert draft.request == second.digest
    assert draft.spend == bench.archive.spent


@pytest.mark.parametrize("corrections", [0, 1, 3])
def test_what_is_never_mended_is_malformed_and_paid_for(corrections: int):
    bench = Bench(lambda request, proposal, turn: "", llm_settings(corrections=corrections))
    answer = bench.propose("generate")
    assert isinstance(answer, Malformed)
    assert answer.reason == "generate: the reply holds no code"
    assert len(bench.requests) == 1 + corrections
    spend = Spend(tokens_in=10, calls=1) * (1 + corrections)
    assert answer.spend == bench.archive.spent == spend
    assert answer.request == bench.requests[-1].digest
    assert all(message.content.strip() for request in bench.requests for message in request.messages)


@pytest.mark.parametrize("finish", [Finish.FAILED, Finish.REFUSED])
def test_without_an_answer_nothing_is_sent_back(finish: Finish):
    bench = Bench(lambda request, proposal, turn: reply("", finish, "the endpoint is closed"))
    answer = bench.propose("optimise")
    assert isinstance(answer, Malformed)
    assert answer.reason == "optimise: the endpoint is closed"
    assert len(bench.requests) == 1


def test_a_reply_that_was_cut_off_is_told_so():
    cut = module_reply(variant(64))[:-30]
    bench = Bench(
        lambda request, proposal, turn: reply(cut, Finish.LENGTH) if turn == 0 else module_reply(variant(64))
    )
    assert isinstance(bench.propose("optimise"), Draft)
    assert "cut off after 4096 tokens" in bench.requests[1].messages[-1].content


@pytest.mark.parametrize(
    ("operator", "source", "twin"),
    [
        ("optimise", variant(4096, "the parent, but for this"), "kernel 2"),
        ("optimise", variant(1024), "kernel 1"),
        ("optimise", variant(512), "kernel 0"),
        ("combine", variant(1024).replace("offsets", "at"), "kernel 1"),
        ("reflect", variant(8192), "kernel 3"),
        ("generate", variant(512).replace("offsets", "at"), "the plain kernel"),
    ],
)
def test_a_near_duplicate_is_turned_back_before_it_costs_an_evaluation(operator: str, source: str, twin: str):
    bench = Bench(lambda request, proposal, turn: module_reply(source))
    answer = bench.propose(operator)
    assert isinstance(answer, Malformed)
    assert f"the kernel is {twin}" in answer.reason
    assert len(bench.requests) == 2
    mended = Bench(lambda request, proposal, turn: module_reply(source if turn == 0 else variant(64)))
    assert isinstance(mended.propose(operator), Draft)


def test_a_kernel_that_the_run_has_had_is_turned_back_too_though_it_was_not_shown():
    elsewhere = settled(5, variant(2048, "made by a rewrite"), parents=[0])
    bench = Bench(lambda request, proposal, turn: module_reply(variant(2048)), None, TILED, WHOLE, elsewhere)
    answer = bench.propose("optimise")
    assert isinstance(answer, Malformed)
    assert "kernel 5, which was made before, again" in answer.reason
    again = Bench(lambda request, proposal, turn: module_reply(variant(2048)), None, TILED, WHOLE, elsewhere)
    again.archive.seen = {0, 1, 2}
    assert isinstance(again.propose("optimise"), Draft), "of what was settled since, nothing is known"


def test_blocks_are_applied_to_the_faster_parent():
    said = "<<<<<<< SEARCH\n    return out\n=======\n    return out  # joined\n>>>>>>> REPLACE"
    faster = settled(5, variant(256), long=0.05, short=0.01)
    bench = Bench(lambda request, proposal, turn: said.replace("out  # joined", "(out)"), None, TILED, faster)
    draft = bench.propose("combine", (TILED, faster))
    assert isinstance(draft, Malformed), "which is the parent still"
    larger = said.replace(
        "return out\n=======\n    return out  # joined", "mask = offsets < n\n=======\n    mask = n > offsets"
    )
    bench = Bench(lambda request, proposal, turn: larger, None, TILED, faster)
    draft = bench.propose("combine", (TILED, faster))
    assert isinstance(draft, Draft)
    assert draft.kernel.source == variant(256).replace("mask = offsets < n", "mask = n > offsets")
    assert draft.summary == "combine: of 5 and 1"
    assert "lines of kernel 5," in bench.requests[0].messages[1].content


def test_it_must_be_consulted_before_it_is_asked():
    operator = llm_operators(llm_settings(), WEIGHTS, Scripted(by_key), TARGET)["generate"]
    proposal = Proposal(number=1, operator="generate", parents=(), generation=1, key=1)
    with pytest.raises(ValueError, match="generate must be told of the run's chronicle"):
        asyncio.run(operator.propose(proposal, (), TASK))


def test_a_reply_that_was_kept_is_not_asked_for_again():
    bench = Bench(lambda request, proposal, turn: "no code" if turn == 0 else module_reply(variant(64)))
    first = bench.propose("optimise")
    asked = len(bench.requests)
    again = Bench(lambda request, proposal, turn: pytest.fail("nobody is asked"))
    again.archive.kept.update(bench.archive.kept)
    assert again.propose("optimise") == first
    assert (asked, len(again.requests)) == (2, 0)


def test_siblings_are_sent_in_different_directions():
    bench = Bench(by_key)
    for key in range(2, 26):
        bench.propose("optimise", key=key)
    prompts = {request.messages[1].content for request in bench.requests}
    assert len(prompts) >= 6
    fits = [direction(random.Random(key), [Bound.MEMORY]) for key in range(400)]
    memory = {each.text for each in DIRECTIONS if Bound.MEMORY in each.bounds}
    assert sum(text in memory for text in fits) > 200
    assert set(fits) == {each.text for each in DIRECTIONS}
    anyhow = [direction(random.Random(key)) for key in range(400)]
    assert set(anyhow) == set(fits)


@pytest.mark.parametrize("operator", KINDS)
def test_no_prompt_is_longer_than_what_is_held_back_for_it(operator: str):
    wordy = [
        settled(number, variant(number, '"\\' * 2_500), parents=[number - 1], operator="optimise",
                summary="optimise: " + "w" * 160, long=1 / number, short=1.0)
        for number in range(1, 7)
    ]  # fmt: skip
    failing = settled(
        7, variant(77, "é" * 5_000), parents=[6], status=Status.WRONG, feedback="\x1b[31m no\n" * 5_000
    )
    bench = Bench(
        lambda request, proposal, turn: "\x00" * 50_000, llm_settings(corrections=2), *wordy, failing
    )
    parents = {"generate": (), "optimise": wordy[5:], "combine": wordy[4:], "reflect": [failing]}[operator]
    assert bench.operators[operator].applies(parents, TASK)
    bench.propose(operator, parents)
    assert len(bench.requests) == 3
    for request in bench.requests:
        system, prompt, *_ = (size(message.content) for message in request.messages)
        assert system <= LONGEST_SYSTEM
        assert prompt <= LONGEST_PROMPT
    worst = sum((bench.script.most(request) for request in bench.requests), start=Spend())
    most = bench.operators[operator].most
    assert worst.tokens_in <= most.tokens_in
    assert worst.tokens_out == most.tokens_out


def test_a_task_that_fits_no_prompt_is_said_so():
    import msgspec

    task = msgspec.structs.replace(TASK, reference="# long\n" * 10_000)
    bench = Bench(by_key)
    answer = bench.propose("generate", task=task)
    assert isinstance(answer, Malformed)
    assert "a prompt has at most 32000 bytes" in answer.reason
    assert not bench.requests


def test_a_name_bears_the_model_where_there_are_several():
    operators = Bench(by_key, llm_settings("small", "org/large")).operators
    assert sorted(operators) == sorted(
        f"{kind}@{model}" for kind in KINDS for model in ("small", "org/large")
    )
    bench = Bench(
        lambda request, proposal, turn: module_reply(variant(64)), llm_settings("small", "org/large")
    )
    draft = bench.propose("optimise@org/large")
    assert isinstance(draft, Draft)
    assert draft.summary.startswith("optimise: ")
    assert bench.requests[0].model == "org/large"


def test_prompts_hold_the_stuck_line_once_it_is_stuck():
    line = stuck_line()
    asked = {}
    for length in (1, 2, 3, 4):
        bench = Bench(by_key, None, TILED, WHOLE, *line[:length])
        bench.propose("reflect", (line[length - 1],), key=5)
        asked[length] = bench.requests[0].messages[1].content
    assert all("The kernel to repair" in asked[length] for length in (1, 2, 3))
    assert "An abandoned line" in asked[4]
    assert "attempt 4 at the tile" in asked[4]
    assert SEED.candidate.summary not in asked[4]
    assert "the same fault as below" in asked[3]


def test_model_operators_are_what_the_weights_say():
    script = Scripted(by_key)
    only = llm_operators(llm_settings(), {**WEIGHTS, "reflect": 0.0, "combine": 0.0}, script, TARGET)
    assert list(only) == ["generate", "optimise"]
    assert all(isinstance(each, ModelOperator) for each in only.values())
    assert llm_operators(LlmSettings(), WEIGHTS, script, TARGET) == {}
