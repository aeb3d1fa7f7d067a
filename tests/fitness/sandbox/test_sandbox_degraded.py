"""Where namespaces or Landlock are forbidden, the rest still holds, and the room says what is missing."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fitness.sandbox.supervisor import remove_tree


@pytest.fixture
def folder_for_all() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def report_of(forbidden: str, folder: Path) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, Path(__file__).with_name("bare.py"), forbidden],
        capture_output=True,
        cwd="/",
        env={"TMPDIR": str(folder)},
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    assert list(folder.iterdir()) == []
    report: dict[str, Any] = json.loads(done.stdout)
    return report


ENDINGS = {"good": "finished", "spin": "timeout", "deep": "finished"} | dict.fromkeys(
    ("passwd", "socket", "kill", "kill all", "supervisor", "write"), "raised"
)


@pytest.mark.parametrize("forbidden", ["no-namespaces", "no-landlock"])
def test_room_without_namespaces(forbidden: str, folder_for_all: Path) -> None:
    report = report_of(forbidden, folder_for_all)
    namespaces, abi, seccomp, scratch, view, problems = report.pop("isolation")
    assert (namespaces, seccomp, scratch, view) == ([], True, "folder", False)
    assert any("user namespace: [Errno 1] unshare" in problem for problem in problems)
    assert any("scratch" in problem for problem in problems)
    endings = {name: ending for name, (ending, _, _) in report.items()}
    if forbidden == "no-landlock":  # then files are as open as the user's rights leave them
        assert abi == 0
        endings |= {"passwd": "raised", "write": "raised"}
    assert endings == ENDINGS
    assert report["good"][1].startswith("(['x']")


def test_room_without_a_view_has_its_namespaces(folder_for_all: Path) -> None:
    report = report_of("no-view", folder_for_all)
    namespaces, abi, _, scratch, view, problems = report.pop("isolation")
    if "user" not in namespaces or not abi:
        pytest.skip("this machine has no user namespaces or no Landlock")
    assert (scratch, view) == ("tmpfs", False)
    assert any(problem.startswith("view: ") for problem in problems)
    endings = {name: ending for name, (ending, _, _) in report.items()}
    assert endings == ENDINGS


def test_remove_tree_takes_any_depth_and_harms_nothing_that_links_lead_to(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").touch()
    here = folder = tmp_path / "scratch"
    for name in "ab" * 400:
        here.mkdir()
        (here / "link").symlink_to(kept)
        (here / "closed").mkdir(mode=0)
        here = here / name
    remove_tree(folder)
    assert sorted(tmp_path.iterdir()) == [kept]
    assert (kept / "file").exists()
