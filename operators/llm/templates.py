"""Templates: the prompts, kept as files under `prompts/`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from evo.evaluation import Bound

PROMPTS = Path(__file__).parent / "prompts"
LIMITS = {
    Bound.MEMORY: "memory bandwidth",
    Bound.COMPUTE: "arithmetic",
    Bound.LATENCY: "waiting for loads",
    Bound.OVERHEAD: "launching programs",
}
"""What limits a launch, in words."""


class Templates:
    """Renders prompts. A name that a template lacks is an error, never an empty place."""

    def __init__(self, folder: Path = PROMPTS) -> None:
        """Read templates from a folder; each is read when it is first rendered."""
        self._environment = _environment(folder)

    def render(self, name: str, facts: Mapping[str, Any]) -> str:
        """Return a template filled with facts, without empty lines around it.

        Raises:
            jinja2.TemplateError: the template does not exist, or asks for a fact that is not there.
        """
        return self._environment.get_template(f"{name}.md").render(facts).strip() + "\n"


@lru_cache
def _environment(folder: Path) -> Environment:
    """Return what renders the templates of a folder; it keeps those that were compiled."""
    environment = Environment(
        loader=FileSystemLoader(folder), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        keep_trailing_newline=True, autoescape=False,
    )  # fmt: skip
    environment.filters.update(fenced=fenced, tera=_tera, mebi=_mebi)
    environment.globals["limits"] = LIMITS
    return environment


def fenced(text: str, language: str = "") -> str:
    """Return a text in a fence that nothing in it closes."""
    longest = max(map(len, re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text.strip(chr(10))}\n{fence}"


def _tera(amount: float) -> str:
    return f"{amount / 1e12:.4g}"


def _mebi(size: int) -> str:
    return f"{size / 2**20:.4g}"
