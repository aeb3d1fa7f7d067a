"""Making: from a proposal to a candidate. What an operator gets wrong is data, not an exception."""

from __future__ import annotations

import hashlib

import msgspec

from evo.candidate import Candidate, Kernel, Proposal, Spend
from evo.engine import Engine
from evo.evaluation import Evaluation, Source, Stage, Status
from evo.proposing import SEED_OPERATOR
from evo.protocols import Draft


async def make(proposal: Proposal, engine: Engine) -> Candidate:
    """Return the candidate that the proposal's operator makes; the task's seed kernel for proposal 0.

    A kernel that repeats a settled one is made again with a key of its own, as often as the settings say;
    the last one counts, whatever it is. In generational mode the result depends on the last barrier only.
    """
    if proposal.operator == SEED_OPERATOR:
        return Candidate(proposal=proposal, kernel=engine.task.seed, summary="the task's seed kernel")
    kernel, summary, spend = await _draw(proposal, engine)
    for attempt in range(1, engine.settings.redraws + 1):
        if kernel is None or not engine.repeats(kernel):
            break
        kernel, summary, more = await _draw(redrawn(proposal, attempt), engine)
        spend += more
    return Candidate(proposal=proposal, kernel=kernel, summary=summary, spend=spend)


def redrawn(proposal: Proposal, attempt: int) -> Proposal:
    """Return the proposal with the key of its redraw, which comes from its own key and the attempt."""
    key = hashlib.sha256(f"{proposal.key}:{attempt}".encode()).digest()[:8]
    return msgspec.structs.replace(proposal, key=int.from_bytes(key))


async def _draw(proposal: Proposal, engine: Engine) -> tuple[Kernel | None, str, Spend]:
    """Return the kernel that the operator makes, if any, what it did or why not, and what was paid."""
    parents = [engine.individuals[number] for number in proposal.parents]
    answer = await engine.operators[proposal.operator].propose(proposal, parents, engine.task)
    if not isinstance(answer, Draft):
        return None, _one_line(answer.reason), answer.spend
    if not _is_text(answer.kernel):
        return None, "the source is not Unicode text", answer.spend
    return answer.kernel, _one_line(answer.summary), answer.spend


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
