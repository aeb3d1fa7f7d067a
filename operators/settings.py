"""Settings of the operators, and the operators made from them."""

from __future__ import annotations

import msgspec

from evo.errors import SettingsError
from evo.protocols import Operator
from operators.rewrite_operator import RewriteOperator
from operators.rewrites.family import Backend, Rewrite
from operators.rewrites.launch_options import LaunchOptions
from operators.rewrites.one_pass import OnePass
from operators.rewrites.tiles import Tiles


class OperatorSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which operators a run asks.

    Attributes:
        weights: how often each operator is asked, as a share of the sum; 0 leaves it out.
    """

    weights: dict[str, float] = msgspec.field(
        default_factory=lambda: {"tiles": 1.0, "launch_options": 1.0, "one_pass": 1.0}
    )


def build_operators(settings: OperatorSettings, backend: Backend) -> dict[str, Operator]:
    """Return the operators that have a positive weight, by name, for kernels built with this backend.

    Raises:
        SettingsError: a weight for an operator that does not exist, or a backend that does not.
    """
    if backend not in ("cuda", "hip"):
        raise SettingsError(f"the backend must be cuda or hip, got {backend!r}")
    rewrites: tuple[Rewrite, ...] = (Tiles(), LaunchOptions(backend), OnePass())
    operators: dict[str, Operator] = {rewrite.name: RewriteOperator(rewrite) for rewrite in rewrites}
    for name in settings.weights:
        if name not in operators:
            raise SettingsError(f"a weight needs one of the operators {', '.join(operators)}, got {name!r}")
    return {name: operators[name] for name, weight in settings.weights.items() if weight > 0}
