"""`kill -9` on real searches, at any moment: resumed, they end as if nothing had happened."""

from __future__ import annotations

import os
import random
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from tests.commanded import Left, check_whole, config, journalled, reported
from tests.experiments.commanding import KERNEVO, kernevo

EVALUATIONS = 11


class Undisturbed(msgspec.Struct, frozen=True):
    """A search that nothing disturbed: its lineage digest, its records, and how many seconds it took."""

    digest: str
    records: int
    seconds: float


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    folder = tmp_path_factory.mktemp("undisturbed")
    begun = time.monotonic()
    done = kernevo("run", config(folder, EVALUATIONS), "--out", folder / "run", "--quiet")
    seconds = time.monotonic() - begun
    assert (done.returncode, done.stderr) == (0, "")
    check_whole(folder / "run", EVALUATIONS)
    digest = reported("status", folder / "run")["lineage_digest"]
    return Undisturbed(digest=digest, records=journalled(folder / "run"), seconds=seconds)


def moments(seed: int, undisturbed: Undisturbed) -> Iterator[tuple[str, float]]:
    """Yield when to kill, for ever: after some seconds, or after some more records, by turns."""
    rng = random.Random(seed)
    while True:
        yield "seconds", rng.uniform(0, 1.2 * undisturbed.seconds)
        yield "records", rng.randint(1, undisturbed.records // 2)


def wait(process: subprocess.Popen[bytes], folder: Path, kind: str, amount: float) -> None:
    """Wait for a moment, or for the end of the process."""
    before = journalled(folder)
    until = time.monotonic() + amount
    while process.poll() is None:
        left = until - time.monotonic() if kind == "seconds" else before + amount - journalled(folder)
        if left <= 0:
            return
        try:
            process.wait(left if kind == "seconds" else 0.01)
        except subprocess.TimeoutExpired:
            continue


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("seed", "enough"), [(0, 3), pytest.param(1, 20, marks=pytest.mark.thorough)], ids=["few", "many"]
)
def test_killed_at_random_it_resumes_to_the_same_end(
    seed: int, enough: int, undisturbed: Undisturbed, tmp_path: Path
) -> None:
    kills, rounds, moment = 0, 0, moments(seed, undisturbed)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    settings = config(tmp_path, EVALUATIONS)
    while kills < enough:
        folder = tmp_path / f"run{rounds}"
        rounds += 1
        ended = False
        while not ended:
            begun = (folder / "settings.toml").exists()
            command = ["resume", folder] if begun else ["run", settings, "--out", folder]
            process = subprocess.Popen(
                [KERNEVO, *command, "--quiet"], env={**os.environ, "TMPDIR": str(temporary)}
            )
            if kills < enough:
                wait(process, folder, *next(moment))
            else:
                process.wait()
            left = Left(process.pid)
            process.kill()
            ended = process.wait() >= 0
            assert not ended or process.returncode == 0
            kills += not ended
            left.wait_until_gone()
            assert not [path for path in temporary.rglob("*") if path.is_file()]
        assert reported("status", folder)["lineage_digest"] == undisturbed.digest
        check_whole(folder, EVALUATIONS)
    assert kills >= enough


@pytest.mark.parametrize("in_flight", [pytest.param(1, marks=pytest.mark.thorough), 4])
def test_evaluations_in_flight_change_nothing(
    in_flight: int, undisturbed: Undisturbed, tmp_path: Path
) -> None:
    changes = (f"search.evaluations_in_flight={in_flight}", f"search.proposals_in_flight={5 - in_flight}")
    arguments = [argument for change in changes for argument in ("--set", change)]
    done = kernevo("run", config(tmp_path, EVALUATIONS), "--out", tmp_path / "run", "--quiet", *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    assert reported("status", tmp_path / "run")["lineage_digest"] == undisturbed.digest
