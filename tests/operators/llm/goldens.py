"""Golden prompts: what a model is asked in each situation, kept as files under `golden/`.

`python -m tests.operators.llm.goldens` writes them anew; what changed is then for the reader of the diff.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path

from evo.candidate import Proposal
from evo.evaluation import Status
from evo.objective import Individual
from evo.task import Task
from operators.llm.build import llm_operators
from operators.llm.context import Card, Exemplar
from operators.llm.contract import Request
from operators.llm.reflect import ADVICE
from operators.llm.target import Target
from tests.operators.llm.prompted import (
    TARGET,
    TASK,
    Archive,
    Scripted,
    llm_settings,
    module_reply,
    settled,
    variant,
)

GOLDEN = Path(__file__).parent / "golden"
WEIGHTS = {"generate": 1.0, "reflect": 1.0, "optimise": 1.0, "combine": 1.0}

TILED = settled(1, variant(1024), parents=[0], long=0.2, short=0.02)
WHOLE = settled(
    2, variant(4096), parents=[1], operator="optimise", summary="optimise: larger tiles", long=0.1, short=0.04
)
FAILED = settled(
    3, variant(8192), parents=[2], operator="optimise", summary="optimise: tiles that fill shared memory",
    status=Status.OUT_OF_RESOURCES,
)  # fmt: skip


class OneExemplar:
    def nearest(self, kernel: object, task: Task) -> Exemplar:
        return Exemplar(
            task="negate", source="import triton\n# a kernel of another task\n", note="Hand-written."
        )


class OneCard:
    def about(self, task: Task, target: Target, individual: Individual | None) -> tuple[Card, ...]:
        return (Card(title="Wavefronts", text="A wavefront has 64 lanes."),)


def broken(status: Status) -> Individual:
    return settled(
        4, variant(2048), parents=[2], operator="optimise", summary="optimise: fewer programs", status=status
    )


def stuck_line() -> list[Individual]:
    """Return a line on which three repairs left one fault as it was; numbers and source lines differ."""
    line = [FAILED]
    for number in (4, 5, 6):
        line.append(
            settled(
                number, variant(8192 * 2**number), parents=[number - 1], operator="reflect",
                summary=f"reflect: attempt {number} at the tile", status=Status.OUT_OF_RESOURCES,
                feedback=f"add_kernel: {number}31072 bytes of shared memory a program, Sample GPU has 65536",
            )
        )  # fmt: skip
    return line


def situations() -> Iterator[tuple[str, str, Sequence[Individual], Sequence[Individual], bool]]:
    """Yield name, operator, parents, all that is settled, and whether prompts hold all that they may."""
    known = (TILED, WHOLE, FAILED)
    yield "generate", "generate", (), known, True
    yield "optimise", "optimise", (WHOLE,), known, True
    yield "optimise_bare", "optimise", (WHOLE,), known, False
    yield "combine", "combine", (TILED, WHOLE), known, True
    for status in ADVICE:
        parent = broken(status)
        yield f"reflect_{status.lower()}", "reflect", (parent,), (*known, parent), False
    line = stuck_line()
    yield "reflect_afresh", "reflect", (line[-1],), (TILED, WHOLE, *line), True


def asked() -> dict[str, Request]:
    """Return the first request in each situation."""
    return {name: _request(*rest) for name, *rest in situations()}  # type: ignore[arg-type]


def _request(
    operator: str, parents: Sequence[Individual], known: Sequence[Individual], whole: bool
) -> Request:
    script = Scripted(lambda request, proposal, turn: module_reply(variant(64)))
    settings = llm_settings(exemplar=whole, knowledge=whole, history=whole, strategy=whole)
    asking = llm_operators(settings, WEIGHTS, script, TARGET, OneExemplar(), OneCard())[operator]
    archive = Archive(*known)
    asking.consult(archive)
    for each in archive.individuals.values():
        asking.observe(each)
    numbers = tuple(parent.number for parent in parents)
    proposal = Proposal(number=9, operator=operator, parents=numbers, generation=4, key=2026)
    asyncio.run(asking.propose(proposal, parents, TASK))
    [(_, request)] = script.asked
    return request


def texts() -> dict[str, str]:
    """Return the text of each golden file by name: a prompt for each situation, and the system message."""
    requests = asked()
    systems = {request.messages[0].content for request in requests.values()}
    [system] = systems
    prompts = {f"{name}.md": request.messages[1].content for name, request in requests.items()}
    return {"system.md": system, **prompts}


def main() -> None:
    """Write all golden files, and remove those of situations that are no more."""
    GOLDEN.mkdir(exist_ok=True)
    wanted = texts()
    for path in GOLDEN.glob("*.md"):
        if path.name not in wanted:
            path.unlink()
    for name, text in wanted.items():
        (GOLDEN / name).write_text(text)


if __name__ == "__main__":
    main()
