"""Cards as files: short lists of facts, each with its source.

A card is a Markdown file: a heading in TOML between two lines of `+++` that says what it is for, then a list
of facts, each of which ends with the name of its source in brackets, such as `[guide]`.
"""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path

import msgspec

from evo.errors import SettingsError
from evo.evaluation import Bound, Status
from operators.llm.context import Card
from operators.llm.traits import Trait

KNOWLEDGE = Path(__file__).parent / "knowledge"
"""The cards that come with kernevo."""

CARD = re.compile(r"\A\+\+\+\n(?P<heading>.*?\n)\+\+\+\n(?P<text>.*)\Z", re.DOTALL)
SOURCE = re.compile(r" *\[(?P<names>\w+(?:, \w+)*)\]$")


class Sign(StrEnum):
    """What the resources of a kernel that passed show.

    Attributes:
        SPILLS: registers are spilled to memory.
        IDLE: fewer than half of the warps that a unit can hold fit.
        WIDE: no more than one program fits because of what it holds of shared memory or registers.
    """

    SPILLS = "spills"
    IDLE = "idle"
    WIDE = "wide"


class Heading(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a card is for. An empty list asks for nothing.

    Attributes:
        title: the topic.
        sources: where its facts come from, by the name that the facts give.
        backends, archs: targets that it is for.
        statuses: how a parent ended that it helps to repair; it is for no other.
        words: words of a failure's feedback, in lower case, that it bears on most.
        traits: kinds of work that it is for.
        bounds, signs: bottlenecks that it bears on, whatever the kind of work.

    Raises:
        ValueError: a title or a source is empty, or the card is for failures and bottlenecks at once.
    """

    title: str
    sources: dict[str, str]
    backends: tuple[str, ...] = ()
    archs: tuple[str, ...] = ()
    statuses: tuple[Status, ...] = ()
    words: tuple[str, ...] = ()
    traits: tuple[Trait, ...] = ()
    bounds: tuple[Bound, ...] = ()
    signs: tuple[Sign, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a heading that says too little or contradicts itself."""
        if not self.title or not self.sources or not all(self.sources.values()):
            raise ValueError(f"a card needs a title and sources, got {self.title!r} and {self.sources}")
        if self.statuses and (self.traits or self.bounds or self.signs):
            raise ValueError(
                "a card is for failures (statuses) or for kinds of work and bottlenecks, got both"
            )
        if self.words and not self.statuses:
            raise ValueError(f"words are of failures, which statuses must name, got {self.words}")


class Filed(msgspec.Struct, frozen=True):
    """A card and what it is for."""

    heading: Heading
    card: Card


def read_cards(folder: Path = KNOWLEDGE) -> tuple[Filed, ...]:
    """Return the cards in a folder, by the names of their files.

    Raises:
        SettingsError: a file that is no card.
    """
    return tuple(_read(path) for path in sorted(folder.glob("*.md")))


def _read(path: Path) -> Filed:
    """Return a card, its facts without the names of their sources."""
    found = CARD.match(path.read_text(encoding="utf-8"))
    if not found:
        raise SettingsError(f"card {path.name} must begin with a heading between two lines of +++")
    try:
        heading = msgspec.toml.decode(found["heading"], type=Heading)
    except msgspec.MsgspecError as error:
        raise SettingsError(f"card {path.name}: {error}") from None
    facts = re.split(r"\n(?=- )", found["text"].strip())
    shown = [_checked(path, heading, fact) for fact in facts]
    return Filed(heading, Card(title=heading.title, text="\n".join(shown)))


def _checked(path: Path, heading: Heading, fact: str) -> str:
    """Return a fact without its source, which must be one that the heading names."""
    source = SOURCE.search(fact)
    if not fact.startswith("- ") or not source:
        raise SettingsError(
            f"card {path.name} must hold facts that begin with '- ' and end with [source], got {fact[:60]!r}"
        )
    unknown = set(source["names"].split(", ")) - set(heading.sources)
    if unknown:
        raise SettingsError(f"card {path.name} must name its sources, got no {', '.join(sorted(unknown))}")
    return " ".join(fact[: source.start()].split())
