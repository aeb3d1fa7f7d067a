"""The journal: what it keeps, refuses and says when the disk is full."""

from __future__ import annotations

import math
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from evo.candidate import Proposal
from evo.errors import JournalError, JournalVersionError, RunFolderError
from evo.journal import Journal, JournalReader
from evo.records import Asked, Ended, Evaluated, Opened
from evo.task import Task
from tests.evo.driving import digest, session
from tests.standins import kernel_of, synthetic_engine, synthetic_task, verdict

ROOT = Path(__file__).parents[2]
KERNEL = kernel_of(3)
PROPOSAL = Proposal(number=0, operator="seed", parents=(), generation=0, key=2**64 - 1)
ASKED = Asked(proposal=PROPOSAL)
TOLD = Evaluated(number=0, attempt=1, summary="s", kernel=KERNEL.digest, evaluation=verdict(KERNEL))


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "run #1? 100%.sqlite"


def run_python(code: str, *arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, **options)


def test_records_come_back_in_order(path):
    with Journal.create(path) as journal:
        journal.open_session("a = 1")
        journal.append(ASKED)
        journal.append(TOLD, KERNEL.source.encode())
        journal.append(Ended(reason="enough"))
    with JournalReader(path) as reader:
        entries = list(reader.entries())
        assert [entry.seq for entry in entries] == [1, 2, 3, 4]
        opened = entries[0].record
        assert isinstance(opened, Opened)
        assert opened.pid == os.getpid()
        assert reader.blob(opened.settings) == b"a = 1"
        assert [entry.record for entry in entries[1:]] == [ASKED, TOLD, Ended(reason="enough")]
        assert reader.kernel(TOLD.kernel) == KERNEL
        assert reader.told(0) == [TOLD]
        assert reader.told(1) == []
        assert reader.asked() == 1
        assert reader.last() == entries[3]
        assert reader.active_seconds() == entries[3].at - entries[0].at >= 0


def test_active_time_leaves_out_the_time_between_sessions(path):
    with Journal.create(path) as journal:
        assert journal.active_seconds() == 0
        for _ in range(4):
            journal.open_session("")
    db = sqlite3.connect(path)
    rows = [(100, "opened", 1), (103, "stopped", 2), (500, "opened", 3), (501.5, "opened", 4)]
    db.executemany("UPDATE events SET at = ?, kind = ? WHERE seq = ?", rows)
    db.commit()
    db.close()
    with JournalReader(path) as reader:
        assert reader.active_seconds() == 3
    db = sqlite3.connect(path)
    db.execute("UPDATE events SET kind = 'stopped' WHERE seq = 4")
    db.commit()
    db.close()
    with JournalReader(path) as reader:
        assert reader.active_seconds() == 4.5


def test_meta_is_typed_and_survives(path):
    task = synthetic_task()
    with Journal.create(path) as journal:
        journal.set_meta("task", task)
        journal.set_meta("tracker_run", "abc")
        journal.set_meta("tracker_run", "def")
        with pytest.raises(ValueError, match="schema"):
            journal.set_meta("schema", 2)
    with JournalReader(path) as reader:
        assert reader.meta("task", Task) == task
        assert reader.meta("tracker_run", str) == "def"
        assert reader.meta("absent", str) is None


def test_nothing_is_written_twice_or_by_half(path):
    with Journal.create(path) as journal:
        journal.append(ASKED)
        journal.append(TOLD)
        for record in (ASKED, TOLD):
            with pytest.raises(JournalError, match="UNIQUE"):
                journal.append(record, b"blob of a record that fails")
        assert len(list(journal.entries())) == 2
        with pytest.raises(JournalError, match="every blob it names"):
            journal.blob("0" * 64)
        with pytest.raises(JournalError, match="every blob it names"):
            journal.kernel(KERNEL.digest)


@pytest.mark.parametrize(("seconds", "told"), [(0.0, 2), (math.inf, 1)])
def test_edges_of_sessions_are_synced_and_other_records_when_due(path, seconds, told):
    class Patient(Journal):
        unsynced_seconds = seconds

        def level(self) -> int:
            return self._db.execute("PRAGMA synchronous").fetchone()[0]

    with Patient.create(path) as journal:
        levels = []
        for record in (Opened(pid=1, settings=""), ASKED, TOLD, Ended(reason="enough")):
            journal.append(record)
            levels.append(journal.level())
        journal.set_meta("task", 1)
        assert [*levels, journal.level()] == [2, told, told, 2, 2]


def test_a_blob_that_is_not_what_its_digest_says(path):
    with Journal.create(path) as journal:
        journal.append(TOLD, KERNEL.source.encode())
    db = sqlite3.connect(path)
    db.execute("UPDATE blobs SET data = ?", (b"something else",))
    db.commit()
    db.close()
    with JournalReader(path) as reader, pytest.raises(JournalError, match=KERNEL.digest):
        reader.kernel(KERNEL.digest)


@pytest.mark.parametrize("opener", [Journal, JournalReader])
def test_files_that_are_no_journal(opener, path, tmp_path):
    with pytest.raises(RunFolderError, match="there is none"):
        opener(path)
    with pytest.raises(RunFolderError, match="there is none"):
        opener(tmp_path / "no folder" / "run.sqlite")
    for content in (b"", b"x", b"not a database, but long enough to hold a header" * 100):
        path.write_bytes(content)
        with pytest.raises(RunFolderError):
            opener(path)
    assert path.read_bytes() == content


@pytest.mark.parametrize("opener", [Journal, JournalReader])
@pytest.mark.parametrize("share", [0.01, 0.3, 0.9])
def test_truncated_files(opener, path, share):
    session(path, engine=synthetic_engine())
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(RunFolderError):
        opener(path)


def test_a_record_that_cannot_be_decoded(path):
    with Journal.create(path) as journal:
        journal.append(ASKED)
    db = sqlite3.connect(path)
    db.execute("""UPDATE events SET body = '{"type": "asked"}'""")
    db.commit()
    db.close()
    with JournalReader(path) as reader, pytest.raises(RunFolderError, match="must be whole"):
        list(reader.entries())


@pytest.mark.parametrize("opener", [Journal, JournalReader])
@pytest.mark.parametrize("version", ["2", "999"])
def test_other_versions_are_refused_with_both_versions(opener, path, version):
    Journal.create(path).close()
    db = sqlite3.connect(path)
    db.execute("UPDATE meta SET value = ? WHERE key = 'schema'", (version,))
    db.commit()
    db.close()
    with pytest.raises(JournalVersionError, match=f"version 1, got {version}"):
        opener(path)


def test_a_run_is_created_once(path):
    Journal.create(path).close()
    with pytest.raises(RunFolderError, match="there is one"):
        Journal.create(path)
    Journal(path).close()


def test_an_empty_file_left_by_a_killed_creation_can_be_created(path):
    path.touch()
    Journal.create(path).close()


HOLD = """
import sys
from pathlib import Path
from evo.journal import Journal
journal = Journal(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def test_one_live_process_works_on_a_run_and_others_read_it(path):
    with Journal.create(path) as journal:
        journal.append(ASKED)
    command = [sys.executable, "-c", HOLD, str(path)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(RunFolderError, match=f"process {holder.pid} does"):
            Journal(path)
        with pytest.raises(RunFolderError, match=f"process {holder.pid} does"):
            Journal.create(path)
        with JournalReader(path) as reader:
            assert [entry.record for entry in reader.entries()] == [ASKED]
        holder.send_signal(signal.SIGKILL)
    with Journal(path) as journal:
        journal.append(TOLD)


FILL = """
import resource, sys
from pathlib import Path
from tests.evo.driving import session
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
try:
    session(Path(sys.argv[1]))
except Exception as error:
    print(type(error).__name__, error)
"""


@pytest.mark.parametrize("room", [60_000, 100_000])
def test_a_full_disk_is_one_clear_line_and_the_run_goes_on_afterwards(path, room):
    undisturbed, _ = session(path.with_name("undisturbed.sqlite"))
    full = run_python(FILL, path, room)
    assert full.stdout.startswith("JournalError a journal must be readable and writable, got "), full
    assert full.stdout.count("\n") == 1
    with JournalReader(path) as reader:
        assert 0 < reader.asked() < 23
    resumed, reason = session(path)
    assert reason == "23 evaluations made"
    assert digest(resumed) == digest(undisturbed)
