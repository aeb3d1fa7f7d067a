"""Search and replace blocks: a kernel told by what changes in another."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import msgspec

MARKS = re.compile(r"^[ \t]*(<{5,9} ?SEARCH|={5,9}|>{5,9} ?REPLACE)[ \t]*$", re.IGNORECASE)
"""The lines around the two halves of a block, as models write them."""


class Edit(msgspec.Struct, frozen=True):
    """One block: lines that are looked for, and what comes in their place, both without a final newline."""

    search: str
    replace: str


class NoEdit(msgspec.Struct, frozen=True):
    """Why blocks cannot be read or applied."""

    reason: str


def edits_in(text: str) -> tuple[Edit, ...] | NoEdit:
    """Return the blocks in a text, in order; none if no line begins one. Fences in them are left out."""
    edits: list[Edit] = []
    halves: list[list[str]] = []
    for line in text.split("\n"):
        mark = _mark(line)
        if mark == "<" and not halves:
            halves = [[]]
        elif mark == "=" and len(halves) == 1:
            halves.append([])
        elif mark == ">" and len(halves) == 2:
            edits.append(Edit("\n".join(halves[0]), "\n".join(halves[1])))
            halves = []
        elif mark in ("<", ">") and halves:
            return NoEdit(f"block {len(edits) + 1} is not SEARCH, =======, REPLACE in this order")
        elif halves and not line.lstrip().startswith("```"):
            halves[-1].append(line)
    if halves:
        return NoEdit(f"block {len(edits) + 1} does not end with >>>>>>> REPLACE")
    return tuple(edits)


def applied(edits: Sequence[Edit], source: str) -> str | NoEdit:
    """Return a source after the edits, one after the other.

    What is looked for must occur once: letter by letter, else with other blanks at the ends of lines, else
    indented by more or less throughout, and then what comes in its place is indented alike.
    """
    lines = source.split("\n")
    for number, edit in enumerate(edits, 1):
        changed = _changed(lines, edit)
        if isinstance(changed, NoEdit):
            return NoEdit(f"block {number}: {changed.reason}")
        lines = changed
    return "\n".join(lines)


def _mark(line: str) -> str:
    """Return the first letter of a mark, empty if the line is none."""
    found = MARKS.match(line)
    return found[1][0] if found else ""


def _changed(lines: list[str], edit: Edit) -> list[str] | NoEdit:
    """Return the lines with one edit made."""
    wanted = _trimmed(edit.search.split("\n"))
    if not wanted:
        return NoEdit("SEARCH must hold the lines to be replaced, got none")
    for alike in (_as_is, str.rstrip, str.strip):
        places = _places(lines, wanted, alike)
        if len(places) > 1:
            return NoEdit(f"SEARCH must occur once in the kernel, got {len(places)} places; add lines to it")
        if places:
            end = places[0] + len(wanted)
            replacement = edit.replace.split("\n") if edit.replace else []
            replacement = _shifted(replacement, wanted, lines[places[0] : end])
            return [*lines[: places[0]], *replacement, *lines[end:]]
    return NoEdit(f"SEARCH must occur in the kernel as it stands, got {_first_missing(lines, wanted)!r}")


def _as_is(line: str) -> str:
    return line


def _trimmed(lines: list[str]) -> list[str]:
    """Return the lines without empty ones at both ends."""
    filled = [place for place, line in enumerate(lines) if line.strip()]
    return lines[filled[0] : filled[-1] + 1] if filled else []


def _places(lines: Sequence[str], wanted: Sequence[str], alike: Callable[[str], str]) -> list[int]:
    """Return where the wanted lines begin among the lines, compared as `alike` has them."""
    ours, theirs = [*map(alike, lines)], [*map(alike, wanted)]
    starts = range(len(ours) - len(theirs) + 1)
    return [start for start in starts if ours[start : start + len(theirs)] == theirs]


def _shifted(replacement: list[str], wanted: Sequence[str], found: Sequence[str]) -> list[str]:
    """Return the replacement, indented by as much more or less as what was found is than what was wanted."""
    theirs, ours = _indent(wanted[0]), _indent(found[0])
    if theirs == ours:
        return replacement
    if ours.startswith(theirs):
        more = ours.removeprefix(theirs)
        return [more + line if line.strip() else line for line in replacement]
    less = theirs.removeprefix(ours)
    return [line.removeprefix(less) for line in replacement]


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def _first_missing(lines: Sequence[str], wanted: Sequence[str]) -> str:
    """Return the first wanted line that occurs nowhere, or else the first of all."""
    known = {line.strip() for line in lines}
    return next((line for line in wanted if line.strip() not in known), wanted[0])[:120]
