"""Exchange: what a run asks of models goes out as a file, and their replies come in as one."""

from __future__ import annotations

import contextlib
import os
import shlex
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import msgspec

from evo.budget import counted
from evo.engine import Engine
from evo.errors import UsageError
from evo.events import Paused
from evo.journal import JournalReader
from evo.protocols import Consulting
from experiments.batch import Fault, Line, batch_of, read_results
from experiments.commands.searching import watched
from experiments.console import Printer
from experiments.interrupts import INTERRUPTED
from experiments.run_folder import SETTINGS, existing_run_folder, write_whole
from experiments.session import Session, go_on
from experiments.settings import read_settings
from operators.llm.waiting import Result, Ticket, Waiting

NONE_OF_USE = 2


class Exchanged(msgspec.Struct, frozen=True, kw_only=True):
    """Where a run stands after `kernevo ask` or `kernevo tell`.

    Attributes:
        run: the run folder.
        stopped: why the search has stopped; None if it goes on.
        waiting: requests that wait for a reply.
        written: of those, how many were written: those of the first proposals.
        taken: replies of which use was made.
        repeated: replies that the run had, or that were there twice.
        refused: lines of no use, and why.
    """

    run: str
    stopped: str | None
    waiting: int
    written: int = 0
    taken: int = 0
    repeated: int = 0
    refused: tuple[Fault, ...] = ()


def ask(folder: Path, count: int | None, out: Path, quiet: bool, show: Printer) -> int:
    """Search as far as it goes without replies, write requests that wait, and return the exit code."""
    _refuse_unwritable(out)
    with _opened(folder, {}) as (session, desk):
        ending = watched(session, quiet)
        if ending is None:
            return INTERRUPTED
        written = write_requests(desk, count, out)
    stands = Exchanged(run=str(folder), stopped=_reason(ending), waiting=len(desk.awaited), written=written)
    show(msgspec.to_builtins(stands), lambda console: console.print(_asked(stands, out)))
    return 0


def tell(folder: Path, file: Path, quiet: bool, show: Printer) -> int:
    """Search as far as it goes with the replies in a file, and return the exit code.

    Lines of no use are told on standard error, and take nothing from the others.
    """
    existing_run_folder(folder, SETTINGS)
    results = read_results(file)
    if not results.lines:
        [first, *_] = results.faults or [Fault(1, "a line must be one result of a batch, got none")]
        raise UsageError(f"{file}, line {first.line}: {first.rule}")
    with _opened(folder, results.by_ticket) as (session, desk):
        ending = watched(session, quiet)
        idle = list(unused(results.lines, desk, session.journal, session.engine))
    refused, taken = sorted([*results.faults, *idle]), len(desk.taken)
    for fault in refused:
        print(f"kernevo: {file}, line {fault.line}: {fault.rule}", file=sys.stderr)
    stands = Exchanged(
        run=str(folder), stopped=_reason(ending), waiting=len(desk.awaited), taken=taken,
        repeated=results.repeats + len(results.lines) - taken - len(idle), refused=tuple(refused),
    )  # fmt: skip
    show(msgspec.to_builtins(stands), lambda console: console.print(_told(stands, ending is None)))
    if ending is None:
        return INTERRUPTED
    return 0 if stands.taken or stands.repeated else NONE_OF_USE


def write_requests(desk: Waiting, count: int | None, out: Path) -> int:
    """Write the first requests that wait, all if no count is given, and return how many; none leave no file.

    Raises:
        RunFailure: the file cannot be written.
    """
    requests = dict(sorted(desk.awaited.items())[:count])
    if requests:
        write_whole(out, batch_of(requests))
    return len(requests)


def unused(lines: Iterable[Line], desk: Waiting, journal: JournalReader, engine: Engine) -> Iterator[Fault]:
    """Yield, after a session, the lines whose replies it did not take and no other had taken, and why."""
    owed = {each.number for each in engine.pending}
    awaiting = {each.number for each in desk.awaited}
    for line in lines:
        ticket = line.ticket
        if ticket in desk.taken or _is_kept(ticket, journal):
            continue
        if ticket.number >= engine.asked:
            why = f"proposal {ticket.number} was not asked in this run"
        elif ticket.number not in owed:
            why = f"proposal {ticket.number} needs no reply any more"
        elif ticket.number in awaiting:
            why = f"proposal {ticket.number} waits for a reply to another request"
        else:
            why = f"the session ended before proposal {ticket.number} had its turn: tell it again"
        yield Fault(line.number, f"{ticket}: {why}")


def _is_kept(ticket: Ticket, journal: JournalReader) -> bool:
    """Return whether the run has had a reply to this request."""
    return any(
        called.attempt == ticket.attempt and called.request.startswith(ticket.digest)
        for called in journal.called(ticket.number)
    )


@contextlib.contextmanager
def _opened(folder: Path, results: Mapping[Ticket, Result]) -> Iterator[tuple[Session, Waiting]]:
    """Open a run whose models are answered for by what came in.

    Raises:
        UsageError: no run folder, a run in use, or one that asks no models.
    """
    existing_run_folder(folder, SETTINGS)
    settings = read_settings(folder / SETTINGS)
    desk = Waiting(settings.operators.llm.models, results)
    session = go_on(folder, settings, desk)
    with contextlib.closing(session.journal):
        if not any(isinstance(each, Consulting) for each in session.engine.operators.values()):
            raise UsageError(f"requests are those of operators that ask models, {folder} has none of them")
        yield session, desk


def _refuse_unwritable(out: Path) -> None:
    """Refuse, before anything is searched, a file that could not be written in the end."""
    folder = out.absolute().parent
    if out.is_dir() or not folder.is_dir() or not os.access(folder, os.W_OK):
        raise UsageError(f"--out must be a file in a folder that can be written, got {out}")


def _reason(ending: str | Paused | None) -> str | None:
    return ending if isinstance(ending, str) else None


def _asked(stands: Exchanged, out: Path) -> str:
    """Return what was written, and what to type next."""
    if not stands.written:
        return f"no request waits; stopped: {stands.stopped}"
    run = shlex.quote(stands.run)
    of_all = f", of {stands.waiting} that wait" if stands.waiting > stands.written else ""
    return (
        f"{counted(stands.written, 'request')} written to {out}{of_all}; "
        f"take the replies with: kernevo tell {run} REPLIES"
    )


def _told(stands: Exchanged, interrupted: bool) -> str:
    """Return what became of the replies, and what to type next."""
    run = shlex.quote(stands.run)
    became = [f"{counted(stands.taken, 'reply', 'replies')} taken"]
    became += [f"{stands.repeated} known before"] if stands.repeated else []
    became += [f"{counted(len(stands.refused), 'line')} refused"] if stands.refused else []
    if stands.stopped is not None:
        ahead = f"stopped: {stands.stopped}"
    elif interrupted:
        ahead = f"interrupted; go on with: kernevo resume {run}"
    else:
        waiting = counted(stands.waiting, "request")
        ahead = f"waiting for replies to {waiting}: kernevo ask {run} --out batch.jsonl"
    return f"{', '.join(became)}; {ahead}"
