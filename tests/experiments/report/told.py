"""Runs to report on, and what their reports hold."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from evo.budget import Budget
from evo.candidate import Kernel, Proposal, Spend
from evo.engine import Engine
from evo.fold import TASK
from evo.identity import IDENTITY, RunIdentity
from evo.journal import Journal
from evo.protocols import Draft, Malformed, Operator, Tracker
from evo.records import Called
from experiments.run_folder import JOURNAL
from operators.llm.contract import Message, Reply, Request
from tests.evo.driving import run_session
from tests.standins import SyntheticEvaluator, SyntheticOperator, search_settings, synthetic_engine

MODEL = "model-of-tests"


class Asking(SyntheticOperator):
    """Makes kernels as a model's replies would: each names the request that it was made from."""

    async def propose(self, proposal: Proposal, parents: Any, task: Any) -> Draft | Malformed:
        made = await super().propose(proposal, parents, task)
        spend, request = Spend(tokens_in=100, tokens_out=10, dollars=0.01), request_of(proposal.number).digest
        if isinstance(made, Malformed):
            return Malformed(made.reason, spend, request)
        return Draft(made.kernel, made.summary, spend, request)


class Writing:
    """Makes one kernel after another from given texts, and says a given line of each."""

    name = "writing"
    arity = 1

    def __init__(self, texts: list[str], summary: str) -> None:
        self._texts = texts
        self._summary = summary

    def applies(self, parents: Any, task: Any) -> bool:
        return True

    async def propose(self, proposal: Proposal, parents: Any, task: Any) -> Draft | Malformed:
        text = self._texts[proposal.number % len(self._texts)]
        return Draft(
            Kernel(f"# value: {10 + proposal.number}\n{text}\nx{proposal.number} = 1\n"), self._summary
        )


def request_of(number: int, content: str = "make it faster") -> Request:
    messages = Message("system", "You write kernels."), Message("user", f"{content} {number}")
    return Request(model=MODEL, messages=messages, max_tokens=100)


def new_run(folder: Path, engine: Engine, trackers: tuple[Tracker, ...] = (), evaluator: Any = None) -> Path:
    """Search with stand-ins from the beginning to the end, and return the run folder."""
    begun(folder, engine)
    with Journal(folder / JOURNAL) as journal:
        run_session(engine, evaluator or SyntheticEvaluator(), journal, trackers)
    return folder


def begun(folder: Path, engine: Engine) -> Path:
    """Return the folder of a run that has done nothing yet."""
    folder.mkdir(parents=True)
    with Journal.create(folder / JOURNAL) as journal:
        journal.set_meta(TASK, engine.task)
        journal.set_meta(IDENTITY, RunIdentity.of(engine))
    return folder


def small_run(
    folder: Path, evaluations: int = 23, operators: Mapping[str, Operator] | None = None, **rules: Any
) -> Path:
    settings = search_settings(budget=Budget(evaluations=evaluations), **rules)
    return new_run(folder, synthetic_engine(settings, operators=operators))


def answer(folder: Path, number: int, content: str, reply: str) -> None:
    """Journal that a model answered what was asked for a candidate."""
    request = request_of(number, content)
    told = Reply(text=reply, model=MODEL)
    spend = Spend(tokens_in=100, tokens_out=10, dollars=0.01)
    with Journal(folder / JOURNAL) as journal:
        digests = [hashlib.sha256(body).hexdigest() for body in (request.body, told.body)]
        record = Called(number=number, attempt=0, request=digests[0], reply=digests[1], spend=spend)
        journal.append(record, request.body, told.body)


def data_of(page: str) -> dict[str, Any]:
    """Return the data that a page holds for its script."""
    [text] = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    told = json.loads(text)
    assert isinstance(told, dict)
    return told


def unpacked(package: str) -> Any:
    return json.loads(zlib.decompress(base64.b64decode(package)))


def texts_of(page: str) -> str:
    """Return the page with all that is packed in it."""
    data = data_of(page)
    packages = [data["graph"], *data["verdicts"], *data["letters"]] if "graph" in data else []
    return page + "".join(json.dumps(unpacked(each), ensure_ascii=False) for each in packages)
