"""Making: from a proposal to a candidate. What an operator gets wrong is data, not an exception."""

from __future__ import annotations

import hashlib

import msgspec

from evo.candidate import Candidate, Kernel, Proposal
from evo.engine import Engine
from evo.evaluation import Evaluation, Source, Stage, Status
from evo.proposing import IMPORT_OPERATOR, SEED_OPERATOR
from evo.protocols import Draft, Malformed, Spending
from evo.syntax import syntax_digest


async def make(proposal: Proposal, engine: Engine) -> Candidate:
    """Return the candidate that the proposal's operator makes; a founder is the seed kernel or an import.

    A kernel that repeats a settled one, comments, layout and local names aside, is made again with a key of
    its own, as often as the settings say; the last one counts, whatever it is. What is paid for is drawn
    once. In generational mode the result depends on the last barrier only.
    """
    if proposal.operator == SEED_OPERATOR:
        seed = engine.task.seed
        summary, syntax = "the task's seed kernel", syntax_digest(seed.source)
        return Candidate(proposal=proposal, kernel=seed, summary=summary, syntax=syntax)
    if proposal.operator == IMPORT_OPERATOR:
        chosen = engine.imports[proposal.number - 1]
        return Candidate(
            proposal=proposal, kernel=chosen.kernel, summary=f"from {chosen.origin}",
            syntax=syntax_digest(chosen.kernel.source), origin=chosen.origin,
        )  # fmt: skip
    candidate = await _draw(proposal, engine)
    paid = isinstance(engine.operators[proposal.operator], Spending)
    for attempt in range(1, 1 if paid else engine.settings.redraws + 1):
        if not engine.repeats(candidate):
            break
        drawn = await _draw(redrawn(proposal, attempt), engine)
        spend = candidate.spend + drawn.spend
        candidate = msgspec.structs.replace(drawn, proposal=proposal, redraws=attempt, spend=spend)
    return candidate


def redrawn(proposal: Proposal, attempt: int) -> Proposal:
    """Return the proposal of a redraw, with a key that comes from its own key and the attempt."""
    key = hashlib.sha256(f"{proposal.key}:{attempt}".encode()).digest()[:8]
    return msgspec.structs.replace(proposal, key=int.from_bytes(key), attempt=attempt, turn=0, first_key=None)


async def _draw(proposal: Proposal, engine: Engine) -> Candidate:
    """Return the candidate that the operator makes of a proposal, without a kernel if it cannot."""
    parents = [engine.individuals[number] for number in proposal.parents]
    answer = await engine.operators[proposal.operator].propose(proposal, parents, engine.task)
    if isinstance(answer, Draft) and not _is_text(answer.kernel):
        answer = Malformed("the source is not Unicode text", answer.spend, answer.request)
    if not isinstance(answer, Draft):
        return Candidate(
            proposal=proposal, kernel=None, summary=_one_line(answer.reason), spend=answer.spend,
            request=answer.request,
        )  # fmt: skip
    return Candidate(
        proposal=proposal, kernel=answer.kernel, summary=_one_line(answer.summary),
        syntax=syntax_digest(answer.kernel.source), spend=answer.spend, request=answer.request,
    )  # fmt: skip


def malformed(candidate: Candidate, source: Source, device: str) -> Evaluation:
    """Return the evaluation of a candidate without a kernel, which no evaluator need see."""
    return Evaluation(
        status=Status.MALFORMED,
        stage=Stage.PROPOSE,
        source=source,
        device=device,
        feedback=candidate.summary,
    )


def writable(text: str) -> str:
    """Return the text with what UTF-8 cannot hold (lone surrogates) replaced by question marks."""
    return text.encode(errors="replace").decode()


def _one_line(text: str) -> str:
    return " ".join(writable(text).split())


def _is_text(kernel: Kernel) -> bool:
    return writable(kernel.source) == kernel.source
