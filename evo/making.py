"""Making: from a proposal to a candidate. What an operator gets wrong is data, not an exception."""

from __future__ import annotations

from evo.candidate import Candidate, Kernel, Proposal
from evo.engine import Engine
from evo.evaluation import Evaluation, Source, Stage, Status
from evo.proposing import SEED_OPERATOR
from evo.protocols import Draft


async def make(proposal: Proposal, engine: Engine) -> Candidate:
    """Return the candidate that the proposal's operator makes; the task's seed kernel for proposal 0."""
    if proposal.operator == SEED_OPERATOR:
        return Candidate(proposal=proposal, kernel=engine.task.seed, summary="the task's seed kernel")
    parents = [engine.individuals[number] for number in proposal.parents]
    answer = await engine.operators[proposal.operator].propose(proposal, parents, engine.task)
    if not isinstance(answer, Draft):
        return Candidate(proposal=proposal, kernel=None, summary=_one_line(answer.reason))
    if not _is_text(answer.kernel):
        return Candidate(proposal=proposal, kernel=None, summary="the source is not Unicode text")
    return Candidate(proposal=proposal, kernel=answer.kernel, summary=_one_line(answer.summary))


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
