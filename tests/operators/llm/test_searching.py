"""Searches by operators that ask models: traps, islands, credit and order."""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from collections.abc import Mapping
from itertools import takewhile
from pathlib import Path

import msgspec
import pytest

from evo.budget import Budget
from evo.candidate import Proposal, Spend
from evo.engine import Engine
from evo.errors import Unanswered
from evo.evaluation import Status
from evo.objective import Individual
from evo.protocols import Portfolio
from evo.settings import Mode
from operators.bandit import Bandit, BanditSettings
from operators.llm.build import llm_operators
from operators.llm.contract import Request
from operators.llm.lines import line_of
from operators.observing import Announcing
from operators.portfolio import FixedWeights
from operators.settings import OperatorSettings, build_portfolio
from tests.evo.driving import digest, drive, session
from tests.operators.llm.goldens import WEIGHTS
from tests.operators.llm.prompted import TARGET, Archive, Scripted, llm_settings
from tests.standins import DEVICE, SOURCE, search_settings, synthetic_task

REPAIRS = 2
SETTINGS = OperatorSettings(llm=llm_settings(repairs=REPAIRS), rewrites=False)
TASK = synthetic_task('# value: 10\n"""The seed."""\ndef synthetic():\n    return 10\n')


def module(value: int, status: Status, place: int) -> str:
    """Return a module that the stand-in evaluator reads its verdict off; each place is another kernel."""
    says = "" if status is Status.PASSED else f"# status: {status}\n"
    source = f"# value: {value}\n{says}# plan: {place}\ndef synthetic():\n    return {place}\n"
    return f"Strategy: way {place}\n```python\n{source}```"


def place_of(proposal: Proposal) -> int:
    return int.from_bytes(hashlib.sha256(f"{proposal.number} {proposal.attempt}".encode()).digest()[:4])


class Kept(Archive):
    """A chronicle on an engine, which keeps replies in memory."""

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self.individuals = engine.individuals
        self._engine = engine

    def settled(self, proposal: Proposal) -> Mapping[int, Individual]:
        return self._engine.settled(proposal)


def searching(
    say, portfolio: Portfolio | None = None, weights=WEIGHTS, **changes: object
) -> tuple[Engine, Scripted]:
    """Return an engine whose operators ask a script, every one of them consulted."""
    script = Scripted(say)
    operators = llm_operators(SETTINGS.llm, weights, script, TARGET)
    chosen = Announcing(portfolio, operators.values()) if portfolio else build_portfolio(SETTINGS, operators)
    rules = search_settings(**{"repairs": 4, "budget": Budget(evaluations=60), **changes})
    engine = Engine(TASK, rules, operators, chosen, SOURCE, DEVICE)
    for operator in operators.values():
        operator.consult(Kept(engine))
    return engine, script


def never_repaired(request: Request, proposal: Proposal, turn: int) -> str:
    return module(1, Status.COMPILE_ERROR, place_of(proposal))


def repairs_by_root(engine: Engine) -> Counter[int]:
    """Return how many repairs, fresh starts aside, each first broken kernel of a line had."""
    found: Counter[int] = Counter()
    for each in engine.individuals.values():
        if each.candidate.summary.startswith("reflect: "):
            back = takewhile(
                lambda ancestor: not ancestor.evaluation.passed, line_of(each, engine.individuals)
            )
            found[[ancestor.number for ancestor in back][-1]] += 1
    return found


@pytest.mark.parametrize("islands", [1, 2])
def test_a_kernel_that_can_never_be_repaired_is_given_up(islands: int):
    weights = {"generate": 1.0, "optimise": 1.0, "reflect": 18.0}
    engine, script = searching(never_repaired, FixedWeights(weights), weights, islands=islands, offspring=2)
    drive(engine)
    summaries = [each.candidate.summary for each in engine.individuals.values()]
    afresh = [text for text in summaries if text.startswith("reflect, afresh: ")]
    under_way = engine.settings.offspring - 1
    assert max(repairs_by_root(engine).values()) <= REPAIRS + under_way
    assert len(afresh) > 20
    told = [
        request.messages[1].content for proposal, request in script.asked if proposal.operator == "reflect"
    ]
    assert sum("An abandoned line" in text for text in told) == len(afresh)
    assert [each.number for each in engine.population if each.evaluation.passed] == [0]


def test_a_fresh_start_that_works_ends_the_line():
    def say(request: Request, proposal: Proposal, turn: int) -> str:
        fresh = "An abandoned line" in request.messages[1].content
        status = Status.PASSED if fresh else Status.COMPILE_ERROR
        return module(50 + proposal.number, status, place_of(proposal))

    engine, _ = searching(say)
    drive(engine)
    best = engine.elite
    assert best is not None
    assert best.candidate.summary.startswith("reflect, afresh: ")
    assert any(each.candidate.proposal.operator == "optimise" for each in engine.individuals.values())


def mixed(request: Request, proposal: Proposal, turn: int) -> str:
    """Return replies of all kinds: better, worse, broken, malformed at first, and repeats."""
    place = place_of(proposal)
    if place % 7 == 0 and turn == 0:
        return "no code"
    status = (Status.PASSED, Status.PASSED, Status.WRONG, Status.COMPILE_ERROR)[place % 4]
    return module(5 + place % 40, status, place % 60)


def test_the_order_of_tells_changes_nothing():
    straight, script = searching(mixed)
    drive(straight)
    shuffled, _ = searching(mixed)
    drive(shuffled, lambda told: random.Random(5).sample(told, len(told)))
    assert digest(shuffled) == digest(straight)
    used = {each.candidate.proposal.operator for each in straight.individuals.values()}
    assert used == {"seed", *WEIGHTS}
    paid = sum((each.candidate.spend for each in straight.individuals.values()), start=Spend())
    assert straight.spend == paid
    assert paid.tokens_in == 10 * len(script.asked)


@pytest.mark.parametrize("bandit", [False, True])
def test_kernels_from_nothing_live_on_the_island_that_asked(bandit: bool):
    portfolio = Bandit(WEIGHTS, BanditSettings(currency="tokens")) if bandit else FixedWeights(WEIGHTS)
    engine, _ = searching(mixed, portfolio, islands=3, migration_every=50)
    drive(engine)
    generated = [
        each for each in engine.individuals.values() if each.candidate.proposal.operator == "generate"
    ]
    assert {each.candidate.proposal.island for each in generated} == {0, 1, 2}
    assert all(each.candidate.proposal.parents == () for each in generated)
    assert any(each.evaluation.passed for each in generated)


def test_what_is_held_back_covers_what_is_paid():
    engine, _ = searching(mixed)
    most = {name: each.most.tokens for name, each in engine.operators.items()}  # type: ignore[attr-defined]
    limit = max(most.values()) + 2_000
    engine, _ = searching(mixed, budget=Budget(evaluations=60, tokens=limit))
    drive(engine)
    assert engine.stopped is not None
    assert "spent" in engine.stopped
    assert 0 < engine.spend.tokens <= limit
    for each in engine.individuals.values():
        assert each.candidate.spend.tokens <= most.get(each.candidate.proposal.operator, 0)


def test_without_reflection_nothing_broken_is_asked_about():
    weights = {**WEIGHTS, "reflect": 0.0}
    engine, script = searching(mixed, FixedWeights(weights), weights)
    drive(engine)
    assert not any("The kernel to repair" in request.messages[1].content for _, request in script.asked)
    assert msgspec.structs.asdict(SETTINGS.llm)["history"]


def requests_of(script: Scripted) -> dict[tuple[int, int, int], str]:
    """Return the digests of the requests by number, attempt and turn; each was asked once in a session."""
    keys = [(proposal.number, proposal.attempt, len(request.messages)) for proposal, request in script.asked]
    assert len(set(keys)) == len(keys)
    return dict(zip(keys, (request.digest for _, request in script.asked), strict=True))


@pytest.mark.parametrize("mode", Mode)
def test_what_waits_for_replies_asks_the_same_again_and_pays_for_nothing_twice(tmp_path: Path, mode: Mode):
    def some(request: Request, proposal: Proposal, turn: int) -> str:
        if place_of(proposal) % 3 == 0:
            raise Unanswered("nobody is there")
        return mixed(request, proposal, turn)

    first, waiting = searching(some, mode=mode)
    session(tmp_path / "run.sqlite", engine=first)
    assert first.stopped is None
    unanswered = {proposal.number for proposal, _ in waiting.asked if place_of(proposal) % 3 == 0}
    assert unanswered
    second, answered = searching(mixed, mode=mode)
    session(tmp_path / "run.sqlite", engine=second)
    before, after = requests_of(waiting), requests_of(answered)
    again = before.keys() & after.keys()
    assert {number for number, _, _ in again} == unanswered
    assert all(before[key] == after[key] for key in again)
    if mode is Mode.GENERATIONAL:
        straight, _ = searching(mixed)
        session(tmp_path / "straight.sqlite", engine=straight)
        assert digest(second) == digest(straight)
