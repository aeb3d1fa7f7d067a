"""Folders of rooms that killed processes left behind."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

from fitness.sandbox.warm import FOLDER, FORGOTTEN_SECONDS, remove_left_folders


def dead() -> int:
    """Return the id of a process that has ended."""
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


def folder(place: Path, name: str, age: float = 2 * FORGOTTEN_SECONDS) -> Path:
    made = place / f"{FOLDER}{name}"
    made.mkdir()
    os.utime(made, (time.time() - age,) * 2)
    return made


def test_only_what_nobody_can_want_is_removed(tmp_path: Path) -> None:
    pid = dead()
    kept = [
        folder(tmp_path, f"{os.getpid()}-living"),
        folder(tmp_path, f"{pid}-young", age=0),
        folder(tmp_path, "none-odd"),
        folder(tmp_path, "-odd"),
    ]
    (filled := folder(tmp_path, f"{pid}-filled") / "file").touch()
    os.utime(filled.parent, (0, 0))
    file = tmp_path / f"{FOLDER}{pid}-file"
    file.touch()
    os.utime(file, (0, 0))
    left = [folder(tmp_path, f"{pid}-left"), folder(tmp_path, f"{pid}-more")]
    remove_left_folders(tmp_path)
    remove_left_folders(tmp_path / "none")
    assert not any(each.exists() for each in left)
    assert all(each.exists() for each in (*kept, filled, file))
