"""What befalls a search beside `kill -9`: Ctrl-C, termination, a full disk. It ends in order and goes on."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from experiments.run_folder import BEST
from tests.commanded import Left, check_whole, config, reported
from tests.experiments.commanding import KERNEVO, interrupt, kernevo, kill, started

EVALUATIONS = 11
FULL_DISK = """
set -eu
mount -t tmpfs -o size=160k tmpfs "$1"
code=0; "$2" run "$3" --out "$1/run" 1>&2 || code=$?; echo "run $code"
echo -- 1>&2
code=0; "$2" resume "$1/run" 1>&2 || code=$?; echo "resume $code"
mount -o remount,size=64m "$1"
"$2" resume "$1/run" --quiet 1>&2
"$2" status "$1/run" --json
"""


@pytest.fixture(scope="module")
def digest(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The lineage digest of a search that nothing disturbed."""
    folder = tmp_path_factory.mktemp("undisturbed")
    done = kernevo("run", config(folder, EVALUATIONS), "--out", folder / "run", "--quiet")
    assert done.returncode == 0, done.stderr
    return str(reported("status", folder / "run")["lineage_digest"])


def read_until(process: subprocess.Popen[str], word: str) -> None:
    """Read a command's messages up to the first line that holds the word."""
    assert process.stderr is not None
    for line in process.stderr:
        if word in line:
            return
    raise AssertionError(f"the command ended without saying {word!r}")


def end(process: subprocess.Popen[str], sent: signal.Signals) -> tuple[str, str]:
    """Send a signal as a terminal or a system does; return output and messages once no process is left."""
    left = Left(process.pid)
    if sent == signal.SIGINT:
        ended = interrupt(process)
    else:
        process.send_signal(sent)
        ended = process.communicate()
    left.wait_until_gone()
    return ended


def test_a_run_being_searched_can_be_read(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    process = started("run", config(tmp_path, 500), "--out", folder)
    try:
        read_until(process, "1/500 evaluated")
        status = reported("status", folder)
        assert status["stopped"] is None
        assert status["evaluations"] >= 1
        assert reported("best", folder)["speedup"] >= 1.0
        assert reported("lineage", folder, "0")["candidates"][0]["number"] == 0
        end(process, signal.SIGTERM)
    finally:
        kill(process)


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(signal.SIGINT, id="interrupt"),
        pytest.param(signal.SIGTERM, id="terminate", marks=pytest.mark.thorough),
    ],
)
def test_interrupted_it_ends_in_order_and_goes_on(sent: signal.Signals, digest: str, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    process = started("run", config(tmp_path, EVALUATIONS), "--out", folder)
    try:
        read_until(process, f"1/{EVALUATIONS} evaluated")
        output, messages = end(process, sent)
    finally:
        kill(process)
    assert process.returncode == 130
    assert f"interrupted; go on with: kernevo resume {folder}" in output
    assert "Traceback" not in output + messages
    assert (folder / BEST).exists()
    assert reported("status", folder)["stopped"] is None
    done = kernevo("resume", folder, "--quiet")
    assert (done.returncode, done.stderr) == (0, "")
    check_whole(folder, EVALUATIONS)
    assert reported("status", folder)["lineage_digest"] == digest


def test_interrupted_while_the_rooms_start(tmp_path: Path) -> None:
    process = started("run", config(tmp_path), "--out", tmp_path / "run")
    try:
        read_until(process, "start")
        output, messages = end(process, signal.SIGINT)
    finally:
        kill(process)
    assert process.returncode == 130
    assert f"interrupted; go on with: kernevo resume {tmp_path / 'run'}" in output
    assert "Traceback" not in output + messages
    assert reported("status", tmp_path / "run")["evaluations"] == 0


def test_started_to_ignore_interrupts_it_goes_on(tmp_path: Path) -> None:
    process = started("run", config(tmp_path), "--out", tmp_path / "run", heeds_interrupts=False)
    try:
        read_until(process, "start")
        os.killpg(process.pid, signal.SIGINT)
        read_until(process, "1/16 evaluated")
        os.killpg(process.pid, signal.SIGINT)
        process.communicate()
    finally:
        kill(process)
    assert process.returncode == 0


def mounting() -> list[str] | None:
    """Return the command that runs another with mounts of its own; None where the system lets nobody."""
    unshare = shutil.which("unshare")
    for flags in ("--mount",), ("--map-root-user", "--mount"):
        command = [str(unshare), *flags]
        trial = [*command, "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
        if unshare and subprocess.run(trial, capture_output=True, check=False).returncode == 0:
            return command
    return None


def test_a_full_disk_ends_the_search_in_one_line_and_it_goes_on_later(digest: str, tmp_path: Path) -> None:
    command = mounting()
    if command is None:
        pytest.skip("this machine lets us mount nothing")
    (tmp_path / "disk").mkdir()
    settings = config(tmp_path, EVALUATIONS)
    done = subprocess.run(
        [*command, "bash", "-c", FULL_DISK, "bash", tmp_path / "disk", KERNEVO, settings],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    first, second, status = done.stdout.splitlines()
    assert (first, second) == ("run 1", "resume 1"), done.stderr
    assert "Traceback" not in done.stderr
    for session in done.stderr.split("--\n"):
        said = [line for line in session.splitlines() if line.startswith("kernevo: ")]
        assert len(said) == 1, session
        assert "full" in said[0] or "No space left" in said[0]
    assert digest in status
