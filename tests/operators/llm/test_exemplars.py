"""The nearest kernel is like the one at hand, and never one of the same task."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evo.candidate import Kernel
from evo.errors import SettingsError
from evo.task import Task
from experiments.suites.loader import load_task, task_names
from operators.llm.code_tokens import code_tokens
from operators.llm.corpus import Sample, samples_in
from operators.llm.exemplars import CorpusExemplars

TASKS = [load_task(name) for name in task_names()]
BY_NAME = {task.name: task for task in TASKS}
SAMPLES = [Sample(task=task.name, source=task.seed.source, instruction=task.instruction) for task in TASKS]
CORE = CorpusExemplars(SAMPLES)
VARIANTS = Path(__file__).parents[3] / "experiments/bench/variants"


def copied(task: Task, folder: Path, name: str, source: str) -> CorpusExemplars:
    """Return exemplars from the core suite and a user's folder with one file."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(source)
    found = samples_in(folder)
    assert len(found.samples) == 1
    assert not found.notes
    return CorpusExemplars([*SAMPLES, *found.samples])


def only(task: Task, folder: Path, name: str, source: str) -> CorpusExemplars:
    """Return exemplars from a user's folder with one file, and nothing else."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(source)
    return CorpusExemplars(samples_in(folder).samples)


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_no_task_is_shown_a_kernel_of_its_own(task):
    for kernel in (task.seed, None):
        found = CORE.nearest(kernel, task)
        assert found is not None
        assert found.task != task.name
        assert f"def {task.entry_point}(" not in found.source


def test_likeness_of_code_decides_and_of_words_where_there_is_no_code():
    nearest = {
        "softmax": "log_softmax", "layer_norm": "rms_norm", "batched_matmul": "matmul",
        "flash_attention": "decode_attention",
    }  # fmt: skip
    for name, near in nearest.items():
        assert CORE.nearest(BY_NAME[name].seed, BY_NAME[name]).task == near
    words = CORE.nearest(None, BY_NAME["matmul_int8_weight"])
    assert words is not None
    assert "matmul" in words.task


def test_the_order_of_samples_changes_nothing_and_equals_are_chosen_by_name():
    task = BY_NAME["gelu"]
    backwards = CorpusExemplars(reversed(SAMPLES))
    for each in TASKS:
        assert backwards.nearest(each.seed, each) == CORE.nearest(each.seed, each)
    one = BY_NAME["swiglu"].seed.source
    twins = [Sample(task=name, source=one + f"\n{name} = 1\n", instruction="") for name in ("zz", "aa")]
    found = CorpusExemplars(twins).nearest(task.seed, task)
    assert found is not None
    assert found.task == "aa"


@pytest.mark.parametrize("name", ["flip", "softmax", "matmul", "cross_entropy", "row_mean", "cumsum"])
def test_a_users_folder_may_hold_the_tasks_own_kernels(name, tmp_path):
    """Kernels of the task under its name, in any structure, are passed over: the folder has nothing else."""
    task = BY_NAME.get(name, msgspec.structs.replace(BY_NAME["softmax"], name=name, entry_point=name))
    for path in sorted((VARIANTS / name).glob("*.py")):
        if path.name != "reference.py":
            exemplars = only(task, tmp_path / path.stem, "mine.py", path.read_text())
            assert exemplars.nearest(task.seed, task) is None
            assert exemplars.nearest(None, task) is None


def test_a_copy_of_the_seed_is_found_out_whatever_it_is_called(tmp_path):
    task = BY_NAME["softmax"]
    source = task.seed.source
    disguises = {
        "digest": source,
        "comments": source.replace("# Pass 1", "# First").replace("three passes", "3 passes"),
        "entry": re.sub(r"\bsoftmax\b", "normalise", source),
        "names": re.sub(r"\bsoftmax(_kernel)?\b", r"work\1", source).replace("row_max", "top"),
        "numbers": re.sub(r"\bsoftmax\b", "normalise", source).replace("256", "512"),
        "indented": re.sub(r"\bsoftmax\b", "normalise", source).replace("    ", "  "),
    }
    for name, disguise in disguises.items():
        exemplars = only(task, tmp_path / name, "best.py", disguise)
        assert exemplars.nearest(task.seed, task) is None, name
        assert exemplars.nearest(None, task) is None, name
        whole = copied(task, tmp_path / name, "best.py", disguise)
        assert whole.nearest(task.seed, task).task == "log_softmax", name


def test_a_copy_of_the_parent_is_found_out(tmp_path):
    task = BY_NAME["softmax"]
    parent = Kernel((VARIANTS / "softmax/online.py").read_text())
    disguise = re.sub(r"\bsoftmax(_kernel)?\b", r"work\1", parent.source).replace("lane_max", "most")
    exemplars = only(task, tmp_path, "best.py", disguise)
    assert exemplars.nearest(parent, task) is None
    assert exemplars.nearest(task.seed, task) is not None  # nothing in it tells what it computes


def test_names_of_files_and_folders_tell_as_well(tmp_path):
    task = BY_NAME["flip"]
    source = BY_NAME["gelu"].seed.source
    for place in ("flip_v2.py", "flip/best.py", "kernels/FastFlip.py"):
        path = tmp_path / place.replace("/", "_") / place
        assert only(task, path.parent, path.name, source) is not None
        folder = tmp_path / place.replace("/", "_")
        assert CorpusExemplars(samples_in(folder).samples).nearest(task.seed, task) is None
    assert only(task, tmp_path / "other", "gelu.py", source).nearest(task.seed, task) is not None


def test_a_task_that_is_a_copy_of_a_core_task_is_shown_none_of_that():
    task = msgspec.structs.replace(BY_NAME["softmax"], name="renamed")
    assert CORE.nearest(task.seed, task).task == "log_softmax"
    assert CORE.nearest(None, task).task != "softmax"


def test_without_anything_like_it_there_is_none():
    task = BY_NAME["flip"]
    assert CorpusExemplars([]).nearest(task.seed, task) is None
    assert CorpusExemplars([]).nearest(None, task) is None
    unlike = CorpusExemplars([Sample(task="other", source="@triton.jit\ndef zq(): pass\n", instruction="")])
    assert unlike.nearest(Kernel(""), task) is None


def test_a_ragged_folder_is_read_as_far_as_it_goes(tmp_path):
    good = BY_NAME["gelu"].seed.source
    (tmp_path / "deep/er").mkdir(parents=True)
    (tmp_path / "deep/er/good.py").write_text(good)
    (tmp_path / "windows.py").write_bytes(good.replace("\n", "\r\n").encode())
    (tmp_path / "huge.py").write_text(good + "# filler\n" * 20_000)
    (tmp_path / "long.py").write_text(good + "# filler\n" * 4_000)
    (tmp_path / "binary.py").write_bytes(b"\x7fELF\xff\x00" * 50)
    (tmp_path / "nul.py").write_bytes(b"x = 1\x00\n")
    (tmp_path / "broken.py").write_text("def half(:\n")
    (tmp_path / "deeply.py").write_text("x = " + "(" * 3_000 + "1" + ")" * 3_000)
    (tmp_path / "plain.py").write_text("def f(x):\n    return x\n")
    (tmp_path / "empty.py").write_text("")
    (tmp_path / "notes.txt").write_text(good)
    (tmp_path / "folder.py").mkdir()
    (tmp_path / "gone.py").symlink_to(tmp_path / "nowhere")
    (tmp_path / "round").symlink_to(tmp_path, target_is_directory=True)
    found = samples_in(tmp_path)
    assert [sample.task for sample in found.samples] == ["windows", "deep/er/good"]
    assert [sample.source for sample in found.samples] == [good, good]
    told = {Path(note.partition(": ")[0]).name: note.partition(": ")[2] for note in found.notes}
    assert told == {
        "huge.py": "may have 24000 characters, it has more",
        "long.py": "may have 24000 characters, it has more",
        "binary.py": "is not UTF-8 text",
        "nul.py": "is not Python",
        "broken.py": "is not Python",
        "deeply.py": "is not Python",
        "plain.py": "has no @triton.jit function",
        "empty.py": "has no @triton.jit function",
        "gone.py": "is no file",
    }
    assert len(CorpusExemplars(found.samples)._samples) == 1


def test_an_empty_folder_holds_nothing_and_a_missing_one_is_refused(tmp_path):
    assert samples_in(tmp_path).samples == ()
    with pytest.raises(SettingsError, match="cannot be read"):
        samples_in(tmp_path / "none")


def test_tokens_are_calls_whole_and_names_in_parts():
    source = '''
"""Docstring of words."""
import triton.language as tl

def rowMax_kernel(x_ptr):
    """More words."""
    # a comment
    y = tl.load(x_ptr + 3 * 4) // 128 % 2  # and one more
    return tl.math.exp2(y) & 0xFF
'''
    assert code_tokens(source) == [
        "triton.language", "row", "max", "kernel", "x", "ptr", "y", "tl.load", "x", "ptr", "//", "%",
        "tl.math.exp2", "y", "&",
    ]  # fmt: skip


@given(st.text(max_size=200))
@settings(max_examples=25)
def test_any_text_has_tokens_and_kin(text):
    task = BY_NAME["flip"]
    assert all(isinstance(token, str) and token for token in code_tokens(text))
    CORE.nearest(Kernel(text.encode(errors="replace").decode()), task)
