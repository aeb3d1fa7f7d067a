"""What the terminal shows at the end of a session: how it went, the winner, and where that comes from."""

from __future__ import annotations

import shlex
from pathlib import Path

from rich.console import Console
from rich.syntax import Syntax

from evo.credit import Credits
from evo.engine import Engine
from evo.lineage import Lineage
from experiments.render import Overview, show_table
from experiments.render_lineage import show_candidates
from experiments.run_folder import BEST


def show_outcome(
    console: Console, folder: Path, engine: Engine, credits: Credits, reason: str | None
) -> None:
    """Print how a session ended: the tables, the winner's source and its line of descent."""
    console.print()
    run = Overview.of(engine)
    show_table(console, run, credits)
    elite = engine.elite
    if elite is not None and elite.candidate.kernel is not None:
        console.print(f"\nThe winner, candidate {elite.number}, is {folder / BEST}:\n")
        source = elite.candidate.kernel.source.rstrip()
        shown = Syntax(source, "python", background_color="default").highlight(source)
        shown.rstrip()
        console.print(shown)
        console.print("\nIts line of descent:\n")
        line = Lineage(engine.individuals).line(elite.number)
        show_candidates(console, run.heading, engine.individuals, line, steps=True)
    console.print(
        f"\nstopped: {reason}"
        if reason
        else f"\ninterrupted; go on with: kernevo resume {shlex.quote(str(folder))}"
    )
