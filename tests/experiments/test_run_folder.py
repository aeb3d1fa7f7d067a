"""Run folders: names of their own, and files that are there whole or not at all."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from datetime import datetime
from pathlib import Path

import pytest

from evo.errors import RunFailure, RunFolderError
from experiments.run_folder import claim, default_run_folder, new_run_folder, write_whole

NOW = datetime(2026, 3, 4, 5, 6, 7)

FULL = """
import resource, sys
from pathlib import Path
from evo.errors import RunFailure
from experiments.run_folder import write_whole

resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
try:
    write_whole(Path(sys.argv[1]), "new" * 1000)
except RunFailure as failure:
    print(failure)
"""


def test_two_that_begin_in_one_second_get_two_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    made: list[Path] = []
    together = threading.Barrier(8)

    def make() -> None:
        together.wait()
        made.append(default_run_folder("flip", NOW))

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(path.name for path in made) == [
        "flip-20260304-050607", *(f"flip-20260304-050607-{number}" for number in range(2, 9))
    ]  # fmt: skip
    assert all(path.is_dir() for path in made)


def test_a_default_folder_that_cannot_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("runs").write_text("a file")
    with pytest.raises(RunFolderError, match="run folder runs/flip-20260304-050607 cannot be made"):
        default_run_folder("flip", NOW)


def test_an_empty_folder_can_be_claimed_once(tmp_path: Path) -> None:
    folder = new_run_folder(tmp_path / "deep" / "run")
    assert new_run_folder(folder) == folder
    claim(folder, "first")
    with pytest.raises(RunFolderError, match="another run began in"):
        claim(folder, "second")
    assert [path.name for path in folder.iterdir()] == ["settings.toml"]
    assert (folder / "settings.toml").read_text() == "first"
    with pytest.raises(RunFolderError, match="use `kernevo resume"):
        new_run_folder(folder)


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "best.py"
    path.write_text("old")
    with path.open() as reader:
        write_whole(path, "naïve\r\n")
        assert reader.read() == "old", "whoever reads it keeps what it was"
    assert path.read_bytes() == "naïve\r\n".encode()
    assert [each.name for each in tmp_path.iterdir()] == ["best.py"]
    umask = os.umask(0)
    os.umask(umask)
    assert path.stat().st_mode & 0o777 == 0o666 & ~umask, "others may read it as they may any file of ours"


def test_what_a_killed_writer_left_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / ".best.py.new").write_text("a part")
    write_whole(tmp_path / "best.py", "whole")
    assert {each.name: each.read_text() for each in tmp_path.iterdir()} == {"best.py": "whole"}


def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "best.py"
    path.write_text("old")
    done = subprocess.run([sys.executable, "-c", FULL, str(path)], capture_output=True, text=True, check=True)
    assert done.stdout == f"{path} cannot be written: File too large\n"
    assert {each.name: each.read_text() for each in tmp_path.iterdir()} == {"best.py": "old"}


def test_a_folder_that_is_gone(tmp_path: Path) -> None:
    with pytest.raises(RunFailure, match=r"best\.py cannot be written: No such file or directory"):
        write_whole(tmp_path / "none" / "best.py", "new")
