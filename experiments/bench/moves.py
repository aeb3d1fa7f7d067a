"""Operators over the genomes of synthetic landscapes, each the counterpart of a real one."""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Mapping, Sequence

from evo.candidate import Kernel, Proposal
from evo.objective import Individual
from evo.protocols import Draft, Malformed, Operator
from evo.task import Task
from experiments.bench.landscapes import BITS, genome_of, kernel_of
from experiments.bench.valleys import SETTINGS, STRUCTURE, genome_of_parts, parts_of
from operators.nearby import Trial, nearby
from operators.tune import worth
from operators.tuning import LATEST

CHOICES: Mapping[str, tuple[int, ...]] = {name: tuple(range(count)) for name, count in SETTINGS.items()}
TILES = 2  # of the settings, the first so many are tile sizes
SECOND_STEP = 0.25  # how often a rewrite is made on top of another, as of real ones


class Move(ABC):
    """An operator that makes a genome of genomes, and always can."""

    name: str
    arity = 1

    def applies(self, parents: Sequence[Individual], task: Task) -> bool:  # noqa: ARG002
        """Return True."""
        return True

    async def propose(
        self,
        proposal: Proposal,
        parents: Sequence[Individual],
        task: Task,  # noqa: ARG002
    ) -> Draft | Malformed:
        """Return the genome that is made of the parents'."""
        genomes = [genome_of(parent.candidate.kernel or Kernel("")) for parent in parents]
        made = self.moved(genomes, random.Random(proposal.key))
        return Malformed("nothing is left to try") if made is None else Draft(kernel_of(made), self.name)

    @abstractmethod
    def moved(self, genomes: Sequence[int], rng: random.Random) -> int | None:
        """Return a genome made of others, as many as the arity says; None if there is none."""


class Flips(Move):
    """Flips one bit of a structure, and each other one with a chance of one in as many as there are."""

    name = "flips"

    def __init__(self, bits: int) -> None:
        """Take how many bits the structure has, the lowest of the genome."""
        self._bits = bits

    def moved(self, genomes: Sequence[int], rng: random.Random) -> int:
        """Return the flipped genome."""
        flips = 1 << rng.randrange(self._bits)
        flips |= sum(1 << place for place in range(self._bits) if rng.randrange(self._bits) == 0)
        return genomes[0] ^ flips


class Forgets(Move):
    """Draws a structure afresh and leaves the settings: for a bandit to find that this seldom pays."""

    name = "forgets"

    def __init__(self, bits: int) -> None:
        """Take how many bits the structure has, the lowest of the genome."""
        self._bits = bits

    def moved(self, genomes: Sequence[int], rng: random.Random) -> int:
        """Return a genome with any structure."""
        return genomes[0] >> self._bits << self._bits | rng.getrandbits(self._bits)


class Mixes(Move):
    """Takes each bit from either parent."""

    name = "crossover"
    arity = 2

    def moved(self, genomes: Sequence[int], rng: random.Random) -> int:
        """Return the mixed genome."""
        mask = rng.getrandbits(BITS)
        return genomes[0] & mask | genomes[1] & ~mask


class Takes(Move):
    """Takes tiles, options, both or half of the structure from the other parent, as the real one does."""

    name = "crossover"
    arity = 2

    def moved(self, genomes: Sequence[int], rng: random.Random) -> int:
        """Return one genome with a part of the other."""
        taker, giver = rng.sample(list(genomes), 2)
        (structure, own), (other, its) = parts_of(taker), parts_of(giver)
        part = rng.choice(("settings", "tiles", "options", "first body", "second body"))
        if part.endswith("body"):
            mask = 2 ** (STRUCTURE // 2) - 1 << (0 if part == "first body" else STRUCTURE // 2)
            return genome_of_parts(structure & ~mask | other & mask, own)
        tiles = own[:TILES] if part == "options" else its[:TILES]
        options = own[TILES:] if part == "tiles" else its[TILES:]
        return genome_of_parts(structure, [*tiles, *options])


class Steps(Move):
    """Rewrites one setting: a tile size by a factor of two or four, an option to any value."""

    name = "steps"

    def moved(self, genomes: Sequence[int], rng: random.Random) -> int:
        """Return the genome with one setting rewritten, at times a second one too."""
        structure, settings = parts_of(genomes[0])
        for _ in range(2 if rng.random() < SECOND_STEP else 1):
            place = rng.randrange(len(settings))
            choices = range(list(SETTINGS.values())[place])
            near = [each for each in choices if place >= TILES or abs(each - settings[place]) <= TILES]
            settings[place] = rng.choice([each for each in near if each != settings[place]])
        return genome_of_parts(structure, settings)


class Tunes(Move):
    """The real tuning, over settings that stand in a genome instead of a source."""

    name = "tune"

    def __init__(self) -> None:
        """Begin with nothing observed."""
        self._trials: dict[int, deque[Trial]] = {}

    def observe(self, individual: Individual) -> None:
        """Take note of a settled individual."""
        structure, settings = parts_of(genome_of(individual.candidate.kernel or Kernel("")))
        values = dict(zip(SETTINGS, settings, strict=True))
        trial = Trial(values, worth(individual))
        self._trials.setdefault(structure, deque(maxlen=LATEST)).append(trial)

    def moved(self, genomes: Sequence[int], rng: random.Random) -> int | None:
        """Return the structure with settings that it did not have yet."""
        structure, settings = parts_of(genomes[0])
        own, trials = dict(zip(SETTINGS, settings, strict=True)), self._trials.get(structure, ())
        tried = [own, *(trial.values for trial in trials)]
        for values in nearby(CHOICES, own, list(trials), rng):
            if values not in tried:
                return genome_of_parts(structure, list(values.values()))
        return None


def moves_on(landscape: str) -> dict[str, Operator]:
    """Return fresh operators for a landscape, by name."""
    made: tuple[Operator, ...] = (Flips(BITS), Forgets(BITS), Mixes())
    if landscape == "valleys":
        made = (Flips(STRUCTURE), Forgets(STRUCTURE), Takes(), Steps(), Tunes())
    return {each.name: each for each in made}
