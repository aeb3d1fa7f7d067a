"""What language models are shown beside the task: kernels of other tasks, and cards of facts."""

from __future__ import annotations

from pathlib import Path

from evo.errors import SettingsError
from experiments.suites.loader import load_task, task_names
from operators.llm.card_files import read_cards
from operators.llm.cards import CardFile
from operators.llm.contract import Provider
from operators.llm.corpus import Found, Sample, samples_in
from operators.llm.exemplars import CorpusExemplars
from operators.llm.recording import Recording
from operators.llm.settings import LlmSettings

RECORDINGS = Path(__file__).parent / "recordings"
"""Recordings that come with kernevo; settings name them by their file's name alone."""


def exemplars_for(settings: LlmSettings) -> CorpusExemplars:
    """Return what exemplars are chosen from: the core tasks' seed kernels, and those in the user's folders.

    Raises:
        SettingsError: a folder that cannot be read.
    """
    return CorpusExemplars([*core_samples(), *corpus_of(settings).samples])


def corpus_of(settings: LlmSettings) -> Found:
    """Return the kernels in the folders that the user names, and which files of them are passed over.

    Raises:
        SettingsError: a folder that cannot be read.
    """
    found = [samples_in(Path(folder)) for folder in settings.corpus]
    return Found(
        tuple(sample for each in found for sample in each.samples),
        tuple(note for each in found for note in each.notes),
    )


def core_samples() -> list[Sample]:
    """Return the seed kernels of the tasks that come with kernevo."""
    return [
        Sample(
            task=task.name, source=task.seed.source, instruction=task.instruction,
            note=f"the seed kernel of task {task.name}: plain and correct, not tuned",
        )
        for task in map(load_task, task_names())
    ]  # fmt: skip


def known_cards() -> CardFile:
    """Return the cards that come with kernevo."""
    return CardFile(read_cards())


def recording_of(settings: LlmSettings) -> Provider | None:
    """Return the recording that the settings name; None if they name another kind of provider.

    A name without a folder that is no file here is that of a recording that comes with kernevo.

    Raises:
        SettingsError: none is named, or it cannot be read.
    """
    if settings.provider != "recording":
        return None
    if not settings.recording:
        raise SettingsError("operators.llm.recording must name the file that provider 'recording' replays")
    path = Path(settings.recording)
    own = RECORDINGS / path.name
    return Recording(own if path.name == settings.recording and own.is_file() and not path.exists() else path)
