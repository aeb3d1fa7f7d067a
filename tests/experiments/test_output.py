"""What is printed: whole lines, as they are, and control characters on terminals only."""

from __future__ import annotations

import io
import os
import pty
import re
import subprocess
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from evo.candidate import Kernel
from evo.credit import credits_of
from evo.events import Paused
from evo.journal import JournalReader
from evo.lineage import Lineage
from evo.past import JournalPast
from evo.replay import recorded_engine, replay
from evo.task import Task
from experiments.console import output
from experiments.render import Overview, show_credits
from experiments.render_lineage import show_candidates
from experiments.render_outcome import highlighted, show_outcome
from experiments.run_folder import JOURNAL
from experiments.suites.loader import SUITES
from tests.experiments.commanding import KERNEVO, SMALL, kernevo, quick_run

CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
ODD = """
# a long comment, of more columns than any terminal is supposed to have, so that what crops crops it
def _odd(x):
\t'''[red]no markup[/red] :warning: {braces}'''
\treturn x[:end:], "→"
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a task whose seed kernel holds what printing is apt to change."""
    root = tmp_path_factory.mktemp("odd")
    task = root / "[bold]flip"
    task.mkdir()
    for path in (SUITES / "flip").iterdir():
        if path.is_file():
            (task / path.name).write_text(path.read_text() + (ODD if path.name == "seed.py" else ""))
    return quick_run(root / "[red]run", SMALL.replace('"flip"', msgspec.json.encode(str(task)).decode()))


def test_the_best_source_is_printed_to_the_last_byte(folder: Path) -> None:
    source = (folder / "best.py").read_text()
    assert ODD.splitlines()[-1] in source, "rewrites leave the odd part alone"
    assert kernevo("best", folder).stdout == source


def test_an_encoding_that_lacks_a_character_gets_an_escape(folder: Path) -> None:
    done = kernevo("best", folder, environment={"PYTHONIOENCODING": "latin-1"})
    assert (done.returncode, done.stderr) == (0, "")
    assert '"\\u2192"' in done.stdout


@pytest.mark.parametrize("command", [("status",), ("lineage",), ("lineage", "--all"), ("best",)])
def test_a_pipe_gets_no_control_characters(command: tuple[str, ...], folder: Path) -> None:
    done = kernevo(command[0], folder, *command[1:], environment={"FORCE_COLOR": "1", "COLUMNS": "40"})
    assert done.returncode == 0
    assert not CONTROL.search(done.stdout.replace("\t", " "))


def test_the_outcome_on_a_pipe_is_whole(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with JournalReader(folder / JOURNAL) as journal:
        engine = recorded_engine(journal)
        list(replay(journal, engine))
        credits = credits_of(journal)
    show_outcome(output(), folder, engine, credits, "9 evaluations made")
    shown = capsys.readouterr().out
    best = (folder / "best.py").read_text().rstrip("\n")
    assert engine.elite is not None
    for line in best.expandtabs(4).splitlines():
        assert line.rstrip() in shown
    assert f"is {folder}/best.py:" in shown
    assert engine.elite.candidate.summary in shown
    assert "[bold]flip on model:gfx942 (modelled)" in shown
    assert "stopped: 9 evaluations made" in shown
    assert "doublings of speed over the parents (modelled)" in shown
    assert all(each.operator in shown for each in credits.operators)


def test_an_interrupted_outcome_says_how_to_go_on(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with JournalReader(folder / JOURNAL) as journal:
        engine = recorded_engine(journal)
        credits = credits_of(journal)
    show_outcome(output(), folder, engine, credits, None)
    shown = capsys.readouterr().out
    assert "nothing evaluated yet" in shown
    assert f"interrupted; go on with: kernevo resume '{folder}'" in shown
    show_outcome(output(), folder, engine, credits, Paused(waiting=3))
    shown = capsys.readouterr().out
    assert (
        f"waiting for replies to 3 proposals; write the requests with: kernevo ask '{folder}' --out" in shown
    )
    assert "interrupted" not in shown


def test_no_figure_is_shown_without_where_it_comes_from(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with JournalReader(folder / JOURNAL) as journal:
        engine = recorded_engine(journal)
        list(replay(journal, engine))
    show_candidates(output(), Overview.of(engine).heading, engine.individuals, [0, 1], steps=True)
    shown = capsys.readouterr().out
    assert "modelled" in shown
    assert re.search(r"by ideas \d\.\d\dx, by tuning \d\.\d\dx", shown)
    for command in ("status", "lineage"):
        assert "modelled" in kernevo(command, folder).stdout


def test_what_a_model_wrote_may_not_steer_the_terminal(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with JournalReader(folder / JOURNAL) as journal:
        seed = JournalPast(journal).individual(0)
    hostile = msgspec.structs.replace(seed.candidate, summary="optimise: \x1b]0;owned\x07 \x1b[2J faster")
    individuals = {0: msgspec.structs.replace(seed, candidate=hostile)}
    show_candidates(output(), "softmax", individuals, [0], steps=False)
    output().print("crashed: \x1b[2J")
    output().print(highlighted("x = 1  # \x1b[2J\n\ty = 2"))
    shown = capsys.readouterr().out
    assert not CONTROL.search(shown)
    assert shown.count("\ufffd[2J") == 3
    assert "optimise: \ufffd]0;owned\ufffd \ufffd[2J faster" in shown


def test_a_terminal_gets_tables_of_its_own_width(folder: Path) -> None:
    shown = _on_a_terminal(["lineage", str(folder), "--all"], columns=60)
    widths = {len(re.sub(r"\x1b\[[0-9;]*m", "", line)) for line in shown.splitlines()}
    assert max(widths) <= 60
    assert "\x1b[" in shown


def _on_a_terminal(arguments: list[str], columns: int) -> str:
    """Give a command on a pseudo-terminal of so many columns and return what it shows."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": str(columns)}
    with os.fdopen(ours, "rb", buffering=0) as screen:
        process = subprocess.Popen([KERNEVO, *arguments], stdout=theirs, env=environment)
        os.close(theirs)
        shown = b""
        try:
            while piece := screen.read(1 << 16):
                shown += piece
        except OSError:
            pass  # Linux says EIO when the last writer has closed a terminal
        assert process.wait() == 0
    return shown.decode().replace("\r\n", "\n")


def test_tasks_and_kernels_stay_data(folder: Path) -> None:
    with JournalReader(folder / JOURNAL) as journal:
        task = journal.meta("task", Task)
    assert task is not None
    assert task.seed == Kernel((SUITES / "flip" / "seed.py").read_text() + ODD)


REPORTS = (("status",), ("best",))


@pytest.mark.parametrize("arguments", REPORTS, ids=" ".join)
def test_output_that_cannot_be_written_is_one_line(arguments: tuple[str, ...], folder: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [KERNEVO, arguments[0], folder, *arguments[1:]], stdout=full, stderr=subprocess.PIPE, text=True,
            check=False,
        )  # fmt: skip
    said = "kernevo: output must be writable, got No space left on device\n"
    assert (done.returncode, done.stderr) == (1, said)


def test_whoever_reads_a_table_may_go(folder: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [KERNEVO, "status", folder], stdout=writing, stderr=subprocess.PIPE, text=True, check=False
        )
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_process_may_be_started_without_streams(folder: Path, tmp_path: Path) -> None:
    """What it opens itself must not take their places: the journal would be written to as a terminal."""
    command = f'"{KERNEVO}" status "{folder}" <&- >&- 2>&-'
    before = (folder / "run.sqlite").read_bytes()
    assert subprocess.run(["bash", "-c", command], check=False, cwd=tmp_path).returncode == 0
    assert (folder / "run.sqlite").read_bytes() == before


def test_figures_stay_whole_on_a_narrow_terminal(folder: Path) -> None:
    narrow = Console(width=60, file=io.StringIO(), color_system=None)
    with JournalReader(folder / JOURNAL) as journal:
        engine = recorded_engine(journal)
        list(replay(journal, engine))
        show_credits(narrow, credits_of(journal), engine.source)
        show_candidates(narrow, "", engine.individuals, Lineage(engine.individuals).line(8), steps=True)
    assert isinstance(narrow.file, io.StringIO)
    shown = narrow.file.getvalue()
    assert "…" not in shown
    assert max(map(len, shown.splitlines())) <= 60
