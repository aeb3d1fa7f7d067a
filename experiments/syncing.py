"""`kernevo sync`: rebuilds a run in MLflow from its journal."""

from __future__ import annotations

from pathlib import Path

import msgspec

from evo.errors import SettingsError
from evo.journal import Journal
from evo.replay import recorded_engine, replay
from experiments.run_folder import JOURNAL, SETTINGS
from experiments.settings import read_settings
from experiments.tracking_sync import Synced, sync, timed
from experiments.watching import TRACKED, store_uri, tracked_run


def sync_run(folder: Path, uri: str | None) -> tuple[str, Synced]:
    """Make MLflow hold exactly what the journal says; return the store's URI and what was done.

    Raises:
        UsageError: no run folder, a run in use by a live process, or a URI that is no store.
        TrackingFailure: the store does not answer.
    """
    settings = read_settings(folder / SETTINGS)
    if uri is not None:
        tracking = msgspec.structs.replace(settings.tracking, uri=uri)
        settings = msgspec.structs.replace(settings, tracking=tracking)
    if not settings.tracking.enabled and uri is None:
        raise SettingsError(
            f"run {folder} is not tracked (tracking.enabled = false); name a store with --uri"
        )
    with Journal(folder / JOURNAL) as journal:
        engine = recorded_engine(journal)
        events = list(replay(journal, engine))
        store = store_uri(folder, settings)
        own = journal.meta(TRACKED, str)
        run, elites = tracked_run(folder, settings, engine, journal), settings.tracking.elites
        synced = sync(timed(events, journal.entries()), store, run, own, elites)
        if synced.run_id != own:
            journal.set_meta(TRACKED, synced.run_id)
        return store, synced
