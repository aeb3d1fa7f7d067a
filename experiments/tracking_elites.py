"""The nested runs of a search's elites: each is written once, and only so many are kept."""

from __future__ import annotations

from collections.abc import Container

import msgspec

from experiments.tracking_elite import SOURCE, Elite
from experiments.tracking_exchange import trace_id
from experiments.tracking_settings import TrackedRun
from experiments.tracking_store import PARENT, Store, StoredRun, dataset_digest

FINISHED = "FINISHED"
CANDIDATE = "candidate"


class Elites:
    """The runs nested in one, by candidate. One that is not FINISHED was cut short: it is written again."""

    def __init__(self, store: Store, run: StoredRun, most: int) -> None:
        """Find those that are there; of two of one candidate the first that is whole is kept."""
        self._store = store
        self._run = run
        self._most = most
        self._nested: dict[int, StoredRun] = {}
        found = [each for each in store.nested(run) if each.tags.get(CANDIDATE, "").isdecimal()]
        for each in sorted(found, key=lambda nested: nested.status != FINISHED):
            number = int(each.tags[CANDIDATE])
            if number in self._nested:
                store.delete(each.id)
            else:
                self._nested[number] = each
        self._nested = dict(sorted(self._nested.items(), key=lambda pair: pair[1].began))

    def keep(self, numbers: Container[int]) -> None:
        """Delete all others."""
        for number in [each for each in self._nested if each not in numbers]:
            self._store.delete(self._nested.pop(number).id)

    def show(self, elite: Elite, at: float) -> bool:
        """Write an elite that came about at this time, and return whether anything was written."""
        nested = self._nested.get(elite.number)
        if nested is not None and nested.status == FINISHED:
            return False
        if nested is None:
            tags = {**elite.tags, PARENT: self._run.id}
            nested = self._store.create(self._run.experiment, f"elite {elite.number}", tags, at)
        self._store.write(nested.id, elite.artifacts)
        if not nested.metrics:
            self._store.log(nested.id, [(at, point) for point in elite.points])
        self._store.link(nested.id, [trace_id(seq, self._run.id) for seq in elite.calls])
        self._store.end(nested.id, FINISHED, at)
        self._nested[elite.number] = msgspec.structs.replace(nested, status=FINISHED)
        while len(self._nested) > self._most:
            self._store.delete(self._nested.pop(next(iter(self._nested))).id)
        return True

    def register(self, champion: Elite, run: TrackedRun) -> bool:
        """Register an elite as a version of its task's model; return False if it is one, or is not kept."""
        nested = self._nested.get(champion.number)
        if nested is None or self._store.registered(nested.id):
            return False
        if dataset_digest(run.task) not in nested.datasets:
            self._store.use(nested.id, run.task)
        speedup = {point.key: str(point.value) for point in champion.points if point.key == "speedup"}
        self._store.register(run.model, nested, SOURCE, {**run.tags, **champion.tags, **speedup})
        return True
