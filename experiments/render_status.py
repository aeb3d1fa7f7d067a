"""What the terminal shows of where a run stands: tables and a few lines, and the same as plain data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console

from evo.account import Account
from evo.credit import Credits
from evo.pace import MINUTE, Pace
from evo.records import SecondOpinion
from experiments.progress import duration, rate
from experiments.render import Overview, amounts, credit_data, individual_data, show_table
from experiments.render_opinion import in_words

SHOWN = 0.005
"""Share of the time below which a part of it is not shown."""


def status_data(
    folder: Path, run: Overview, credits: Credits, account: Account, pace: Pace, digest: str
) -> dict[str, Any]:
    """Return where a run stands; `digest` is its lineage's."""
    return {
        "run": str(folder),
        "task": run.task,
        "device": run.device,
        "source": run.source,
        "stopped": account.stopped,
        "generation": account.generation,
        "evaluations": account.told,
        "statuses": msgspec.to_builtins(credits.statuses),
        "operators": [credit_data(each) for each in credits.operators],
        "gain": {"ideas": credits.gain(tuning=False), "tuning": credits.gain(tuning=True)},
        "spend": amounts(account.spend),
        "pace": msgspec.to_builtins(pace),
        "best": None if run.elite is None else individual_data(run.elite),
        "lineage_digest": digest,
    }


def show_status(
    console: Console,
    run: Overview,
    credits: Credits,
    account: Account,
    pace: Pace,
    opinion: SecondOpinion | None = None,
) -> None:
    """Print where a run stands, how fast it goes and what its time and money went into."""
    show_table(console, run, credits)
    if account.told:
        lately = rate(pace.last_minute) if pace.last_minute else "none"
        console.print(
            f"evaluated: {rate(pace.rate)} over {duration(pace.active_seconds)}, {lately} in the last minute"
        )
        console.print(f"time: {_shares(pace)}")
    spend = account.spend
    if spend.tokens or spend.dollars:
        console.print(
            f"spent: {spend.tokens_in} tokens read, {spend.tokens_out} written, {spend.dollars:.4g} dollars"
        )
    if opinion is not None:
        console.print(f"second opinion: {in_words(opinion)}")
    if account.stopped:
        console.print(f"stopped: {account.stopped}")
    elif pace.silent_seconds < MINUTE:
        console.print(f"not stopped: last heard of {duration(pace.silent_seconds)} ago")
    else:
        console.print(
            "not stopped: searching, interrupted or waiting for replies, "
            f"last heard of {duration(pace.silent_seconds)} ago"
        )


def _shares(pace: Pace) -> str:
    """Return what the time of all candidates went into, in parts of a hundred, largest first."""
    parts = {"operators": pace.making_seconds, "waiting": pace.waiting_seconds, **pace.stage_seconds}
    whole = sum(parts.values())
    ranked = sorted(parts.items(), key=lambda part: -part[1])
    shown = [f"{name} {share / whole:.0%}" for name, share in ranked if share > whole * SHOWN]
    return f"{', '.join(shown)} of {duration(whole)}, candidates under way at once added up" if shown else "-"
