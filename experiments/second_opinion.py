"""A run's winner is run once more, directly, and what that came to is journalled and shown."""

from __future__ import annotations

from evo.engine import Engine
from evo.errors import KernevoError
from evo.journal import Journal
from evo.records import SecondOpinion
from experiments.build import located, run_secret
from experiments.settings import RunSettings
from fitness.judge.probe import probed
from fitness.judge.turns import turn
from fitness.opinion.second import Opinion, Oracle, Seeking
from fitness.rooms import Rooms
from fitness.stages import Stages

TURN_SECONDS = 900.0
"""How long another run's judge may hold the device."""


async def seek(settings: RunSettings, engine: Engine, journal: Journal, rooms: Rooms) -> None:
    """Seek a second opinion on the best kernel of a measured run, unless the settings leave it out."""
    place, judge = located(settings.fitness), settings.fitness.judge
    if not place.gpus or not judge.second_opinion:
        return
    gpu = place.gpus[0]
    seeking = Seeking(
        place=f"cuda:{gpu.partition(':')[2]}", device=place.device, settings=judge,
        secret=run_secret(settings.search.seed),
    )  # fmt: skip
    stages = Stages(rooms, place.device.arch, settings.fitness.limits)
    try:
        async with turn(probed(gpu).uuid or "gpu", TURN_SECONDS):
            await opine(engine, journal, seeking, stages)
    except TimeoutError:
        _write(engine, journal, Opinion((f"none could be had: {gpu} was held for {TURN_SECONDS:g} s",)))


async def opine(engine: Engine, journal: Journal, seeking: Seeking, oracle: Oracle) -> None:
    """Journal a second opinion on the best kernel, if there is one and no opinion on it yet."""
    elite, former = engine.elite, journal.opinion()
    if elite is None or elite.candidate.kernel is None:
        return
    if former is not None and former.number == elite.number:
        return
    try:
        told = await seeking.opinion(elite.candidate.kernel, engine.task, elite.evaluation, oracle)
    except KernevoError as error:
        told = Opinion((f"none could be had: {error}",))
    _write(engine, journal, told)


def _write(engine: Engine, journal: Journal, told: Opinion) -> None:
    assert engine.elite is not None
    journal.append(SecondOpinion(number=engine.elite.number, against=told.against, latencies=told.latencies))
