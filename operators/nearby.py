"""Settings worth trying next: near the best one known, by steps at first, by Optuna's sampler then."""

from __future__ import annotations

import random
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence

import msgspec
import optuna
from optuna.distributions import IntDistribution

Choices = Mapping[str, tuple[int, ...]]
"""The values worth trying of each tunable, ascending, by key. Neighbours differ by a factor of two mostly."""

STARTING = 8  # settings known around the best one before the sampler is asked
REACH = 2  # neighbours to either side of the best value that the sampler may choose
MOVED = 2.0  # tunables that a step moves, on average
FAR = 0.25  # how often a step goes on to the next neighbour
ASKED = 4  # settings asked of the sampler until one is new
STEPPED = 32  # settings that are steps away
DRAWN = 64  # settings drawn evenly after all that


class Trial(msgspec.Struct, frozen=True):
    """A setting that was tried.

    Attributes:
        values: of the tunables, by key.
        worth: higher is better; None where nothing new was learnt, as of a repeat.
    """

    values: dict[str, int]
    worth: float | None


def nearby(
    choices: Choices, own: Mapping[str, int], trials: Sequence[Trial], rng: random.Random
) -> Iterator[dict[str, int]]:
    """Yield settings to try, some perhaps known already; they depend on what is given alone.

    The best of the trials is the centre; without trials, the parent's own setting is. What works lies close
    to what works: most settings far away do not fit the device. So the first settings are steps away from the
    centre, of some tunables to their neighbours. Once enough is known around it, Optuna's sampler (TPE) draws
    within reach of the centre, which moves as better settings are found. Even draws end the list, for kernels
    of which all that is near was tried.

    Args:
        choices: the space.
        own: the parent's setting.
        trials: what was tried with the same structure.
        rng: all randomness.
    """
    known = [trial for trial in trials if trial.worth is not None and trial.values.keys() == choices.keys()]
    best = max(known, key=lambda trial: trial.worth or 0.0, default=None)
    centre = _places(choices, own if best is None else best.values)
    window = {
        key: (max(0, place - REACH), min(len(choices[key]) - 1, place + REACH))
        for key, place in centre.items()
    }
    inside = [trial for trial in known if _is_inside(trial, choices, window)]
    if len(inside) >= STARTING:
        yield from _sampled(choices, window, inside, rng.getrandbits(32))
    for _ in range(STEPPED):
        yield _valued(choices, _stepped(centre, choices, rng))
    for _ in range(DRAWN):
        yield {key: rng.choice(values) for key, values in choices.items()}


def _places(choices: Choices, values: Mapping[str, int]) -> dict[str, int]:
    """Return each value's place among its choices; of one that is none, the place of the next larger."""
    return {key: min(bisect_left(among, values[key]), len(among) - 1) for key, among in choices.items()}


def _valued(choices: Choices, places: Mapping[str, int]) -> dict[str, int]:
    return {key: among[places[key]] for key, among in choices.items()}


def _is_inside(trial: Trial, choices: Choices, window: Mapping[str, tuple[int, int]]) -> bool:
    return all(trial.values[key] in choices[key][low : high + 1] for key, (low, high) in window.items())


def _stepped(centre: Mapping[str, int], choices: Choices, rng: random.Random) -> dict[str, int]:
    """Return places with one tunable moved to a neighbour, at times further, and others perhaps too."""
    places = dict(centre)
    movable = [key for key, among in choices.items() if len(among) > 1]
    if not movable:
        return places
    first, chance = rng.choice(movable), (MOVED - 1) / max(1, len(movable) - 1)
    for key in movable:
        if key == first or rng.random() < chance:
            way, last = rng.choice((-1, 1)), len(choices[key]) - 1
            way = way if 0 <= places[key] + way <= last else -way
            step = 2 if rng.random() < FAR else 1
            places[key] = min(max(places[key] + way * step, 0), last)
    return places


def _sampled(
    choices: Choices, window: Mapping[str, tuple[int, int]], trials: Sequence[Trial], seed: int
) -> Iterator[dict[str, int]]:
    """Yield what Optuna asks for within the window, knowing the trials, all of which lie in it."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)  # it tells of every study that is created
    sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=0)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    distributions = {key: IntDistribution(low, high) for key, (low, high) in window.items()}
    study.add_trials(
        [
            optuna.trial.create_trial(
                params=_places(choices, trial.values), distributions=dict(distributions), value=trial.worth
            )
            for trial in trials
        ]
    )
    for _ in range(ASKED):
        yield _valued(choices, study.ask(dict(distributions)).params)
