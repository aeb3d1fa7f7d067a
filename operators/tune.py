"""Tuning: the tunables of a kernel set by what settings of the same structure did before."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence

import optuna
from optuna.distributions import BaseDistribution, IntDistribution

from evo.candidate import Kernel, Proposal
from evo.evaluation import Status
from evo.objective import Individual
from evo.protocols import Draft, Malformed
from evo.task import Task
from operators.rewrites.family import Backend
from operators.rewrites.tunables import Tunable
from operators.tuning import Trial, Trials, Tuned

STARTING = 10  # trials drawn evenly before the sampler trusts what it knows
ASKED = 8  # settings asked of the sampler until one is new
DRAWN = 64  # settings drawn evenly after that
BROKEN = -1_000.0  # far below any log2 speed-up; what got further through the cascade is worth a little more


class Tune:
    """The operator `tune`: tiles and launch options set all at once, by Optuna's ask and tell.

    A study is of one structure: the kernel with its tunables taken out. It is built afresh for each proposal
    from the settled individuals of that structure, whoever made them, and its sampler (TPE, even draws at
    first) is seeded from the proposal's key. So the state is a fold of `observe` alone, and nothing depends
    on what is under way.

    It has a name of its own in proposals, lineage and the portfolio, and its gain is credited under that
    name: luck with settings is kept apart from ideas.
    """

    name = "tune"
    arity = 1

    def __init__(self, backend: Backend) -> None:
        """Take the backend that the kernels are compiled with, which decides what options there are."""
        self._trials = Trials(backend)
        optuna.logging.set_verbosity(optuna.logging.WARNING)  # it tells of every study that is created

    def observe(self, individual: Individual) -> None:
        """Take note of a settled individual; called in settling order, and by a resumed search again."""
        kernel, evaluation = individual.candidate.kernel, individual.evaluation
        if kernel is None:
            return
        reached, speedup = individual.fitness.values
        worth = speedup if evaluation.passed else BROKEN + reached
        self._trials.note(kernel, None if evaluation.status is Status.DUPLICATE else worth)

    def applies(self, parents: Sequence[Individual], task: Task) -> bool:  # noqa: ARG002
        """Return whether the parent has a kernel with something to set."""
        return self._tuned(parents) is not None

    async def propose(
        self,
        proposal: Proposal,
        parents: Sequence[Individual],
        task: Task,  # noqa: ARG002
    ) -> Draft | Malformed:
        """Return the parent with settings that none of its structure had."""
        parent, tuned = parents[0].candidate.kernel if parents else None, self._tuned(parents)
        if parent is None or tuned is None:
            return Malformed(
                f"{self.name} needs one parent with something to set, got {len(parents)} parents"
            )
        trials = self._trials.of(parent)
        tried = [tuned.values, *(trial.values for trial in trials)]
        for values in _settings(tuned, trials, random.Random(proposal.key)):
            child = Kernel(tuned.source(values))
            if values not in tried and child != parent:
                return Draft(
                    child, f"{self.name}: {_said(tuned.tunables, values)}, after {len(trials)} trials"
                )
        return Malformed(f"{self.name} found no setting of kernel {parent.digest[:12]} that was not tried")

    def _tuned(self, parents: Sequence[Individual]) -> Tuned | None:
        kernel = parents[0].candidate.kernel if len(parents) == self.arity else None
        return None if kernel is None else self._trials.read(kernel)


def _settings(tuned: Tuned, trials: Sequence[Trial], rng: random.Random) -> Iterator[dict[str, int]]:
    """Yield settings to try: the sampler's at first, then even draws; both depend on the generator alone."""
    choices = {tunable.key: tunable.choices for tunable in tuned.tunables}
    study = _study(choices, trials, rng.getrandbits(32))
    distributions = _distributions(choices)
    for _ in range(ASKED):
        places = study.ask(distributions).params
        yield {key: choices[key][place] for key, place in places.items()}
    for _ in range(DRAWN):
        yield {key: rng.choice(values) for key, values in choices.items()}


def _study(choices: Mapping[str, tuple[int, ...]], trials: Sequence[Trial], seed: int) -> optuna.Study:
    """Return a study in memory that knows the trials whose values are among the choices."""
    sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=STARTING)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    distributions = _distributions(choices)
    for trial in trials:
        known = trial.values.keys() == choices.keys() and all(
            trial.values[key] in values for key, values in choices.items()
        )
        if known and trial.worth is not None:
            places = {key: values.index(trial.values[key]) for key, values in choices.items()}
            study.add_trial(
                optuna.trial.create_trial(params=places, distributions=distributions, value=trial.worth)
            )
    return study


def _distributions(choices: Mapping[str, tuple[int, ...]]) -> dict[str, BaseDistribution]:
    """Return what Optuna draws from: the places in the choices, which ascend."""
    return {key: IntDistribution(0, len(values) - 1) for key, values in choices.items()}


def _said(found: Sequence[Tunable], values: Mapping[str, int]) -> str:
    moved = [t for t in found if values[t.key] != t.value]
    return ", ".join(f"{tunable.key} {tunable.value} -> {values[tunable.key]}" for tunable in moved)
