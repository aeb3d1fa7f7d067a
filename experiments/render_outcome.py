"""What the terminal shows at the end of a session: how it went, the winner, and where that comes from."""

from __future__ import annotations

import shlex
from pathlib import Path

from rich.console import Console
from rich.syntax import Syntax
from rich.text import Text

from evo.budget import counted
from evo.credit import Credits
from evo.engine import Engine
from evo.events import Paused
from evo.lineage import Lineage
from experiments.console import harmless
from experiments.render import Overview, show_table
from experiments.render_lineage import show_candidates
from experiments.run_folder import BEST


def show_outcome(
    console: Console, folder: Path, engine: Engine, credits: Credits, ending: str | Paused | None
) -> None:
    """Print how a session ended: the tables, the winner's source and its line of descent."""
    console.print()
    run = Overview.of(engine)
    show_table(console, run, credits)
    elite = engine.elite
    if elite is not None and elite.candidate.kernel is not None:
        console.print(f"\nThe winner, candidate {elite.number}, is {folder / BEST}:\n")
        console.print(highlighted(elite.candidate.kernel.source))
        console.print("\nIts line of descent:\n")
        line = Lineage(engine.individuals).line(elite.number)
        show_candidates(console, run.heading, engine.individuals, line, steps=True)
    console.print(f"\n{_ending(folder, ending)}", soft_wrap=True)


def highlighted(source: str) -> Text:
    """Return the source of a kernel as it is shown, without what would steer the terminal."""
    shown = Syntax(source, "python", background_color="default").highlight(harmless(source).rstrip())
    shown.rstrip()
    return shown


def _ending(folder: Path, ending: str | Paused | None) -> str:
    """Return how a session ended, and what to type to go on."""
    run = shlex.quote(str(folder))
    if isinstance(ending, Paused):
        waiting = f"waiting for replies to {counted(ending.waiting, 'proposal')}"
        return f"{waiting}; write the requests with: kernevo ask {run} --out batch.jsonl"
    return f"stopped: {ending}" if ending else f"interrupted; go on with: kernevo resume {run}"
