"""Which operator to ask."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence

from evo.errors import SettingsError
from evo.objective import Individual


class FixedWeights:
    """Draws operators in proportion to weights that never change."""

    def __init__(self, weights: Mapping[str, float]) -> None:
        """Take the weights by operator name.

        Raises:
            SettingsError: a weight that is negative or not finite, or none that is positive.
        """
        for name, weight in weights.items():
            if not 0 <= weight < math.inf:
                raise SettingsError(f"a weight must be finite and not negative, got {name} = {weight}")
        if not any(weights.values()):
            raise SettingsError(f"at least one weight must be positive, got {dict(weights)}")
        self._weights = dict(weights)

    def choose(self, rng: random.Random, names: Sequence[str]) -> str:
        """Return one of the names in proportion to its weight; evenly, if none of theirs is positive.

        Raises:
            SettingsError: a name that has no weight.
        """
        unknown = [name for name in names if name not in self._weights]
        if unknown:
            raise SettingsError(f"every operator needs a weight, got none for {', '.join(unknown)}")
        weights = [self._weights[name] for name in names]
        return rng.choices(names, weights if any(weights) else None)[0]

    def credit(self, individual: Individual, parents: Sequence[Individual]) -> None:
        """Do nothing: fixed weights do not learn."""
