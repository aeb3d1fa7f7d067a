"""Elites: what MLflow holds of a kernel that was the best so far, in a nested run of its own."""

from __future__ import annotations

import difflib

import msgspec

from evo.candidate import Kernel
from evo.evaluation import Resources
from evo.objective import Individual
from experiments.tracking_exchange import asked_text, replied_text
from experiments.tracking_members import Member, readable
from experiments.tracking_points import Artifact, Point, finite, metric_key
from experiments.tracking_recorded import Recorded

SOURCE = "kernel.py"


class Elite(msgspec.Struct, frozen=True, kw_only=True):
    """An elite as its nested run shows it.

    Attributes:
        number: the candidate's.
        tags: what the run is found by.
        points: its metrics, all of step 0.
        artifacts: `kernel.py`, a `diff-from-N.patch` for each parent, `evaluation.json` with measurements,
            their intervals and resources, and `prompt.md` and `reply.md` where a model was asked.
        calls: places in the journal of the calls that were made for it.
    """

    number: int
    tags: dict[str, str]
    points: tuple[Point, ...]
    artifacts: tuple[Artifact, ...]
    calls: tuple[int, ...]

    @classmethod
    def of(cls, individual: Individual, recorded: Recorded) -> Elite:
        """Return an elite, with what the journal has of its parents and of what a model was asked."""
        calls = recorded.calls(individual.number)
        kernel = kernel_of(individual)
        texts = {SOURCE: kernel.source, "evaluation.json": readable(Member.of(individual))}
        for parent in individual.candidate.proposal.parents:
            former = recorded.kernel(parent)
            if former is not None:
                texts[f"diff-from-{parent}.patch"] = diff(former, kernel, parent, individual.number)
        used = [call for call in calls if call.request == individual.candidate.request]
        if used:
            texts |= {"prompt.md": asked_text(used[-1]), "reply.md": replied_text(used[-1])}
        return cls(
            number=individual.number,
            tags=_tags(individual),
            points=tuple(finite(_values(individual), 0)),
            artifacts=tuple(Artifact(path, text) for path, text in texts.items()),
            calls=tuple(call.seq for call in calls),
        )


def kernel_of(elite: Individual) -> Kernel:
    """Return the kernel of an elite, which has passed and so has one."""
    if elite.candidate.kernel is None:
        raise ValueError(f"an elite has a kernel, got none for candidate {elite.number}")
    return elite.candidate.kernel


def diff(before: Kernel, after: Kernel, parent: int, number: int) -> str:
    """Return the unified diff from a parent's source to a candidate's; empty where they are the same."""
    lines = difflib.unified_diff(
        before.source.splitlines(), after.source.splitlines(), f"{parent}.py", f"{number}.py", lineterm=""
    )
    return "".join(f"{line}\n" for line in lines)


def _tags(individual: Individual) -> dict[str, str]:
    proposal, evaluation = individual.candidate.proposal, individual.evaluation
    return {
        "candidate": str(individual.number),
        "operator": proposal.operator,
        "parents": ", ".join(map(str, proposal.parents)),
        "generation": str(proposal.generation),
        "island": str(proposal.island),
        "summary": individual.candidate.summary,
        "kernel_digest": kernel_of(individual).digest,
        "device": evaluation.device,
        "source": str(evaluation.source),
    } | ({} if evaluation.plan_digest is None else {"plan_digest": evaluation.plan_digest})


def _values(individual: Individual) -> dict[str, float]:
    values = {"speedup": individual.speedup or 0.0, "log2_speedup": individual.fitness.values[1]}
    for each in individual.evaluation.measurements:
        workload = metric_key(each.workload)
        values |= {
            f"latency_ms/{workload}": each.latency_ms,
            f"latency_low_ms/{workload}": each.low_ms,
            f"latency_high_ms/{workload}": each.high_ms,
        }
    for used in individual.evaluation.resources:
        values |= _resources(used)
    spend, cost = individual.candidate.spend, individual.evaluation.cost
    paid = {"tokens": spend.tokens, "dollars": spend.dollars} if spend.tokens or spend.dollars else {}
    return values | paid | {"cpu_seconds": cost.cpu_seconds, "gpu_seconds": cost.gpu_seconds}


def _resources(used: Resources) -> dict[str, float]:
    kernel = metric_key(used.kernel)
    amounts = {"registers": used.registers, "spills": used.spills, "shared_bytes": used.shared_bytes,
               "warps": used.warps, "occupancy": used.occupancy}  # fmt: skip
    return {f"{name}/{kernel}": amount for name, amount in amounts.items()}
