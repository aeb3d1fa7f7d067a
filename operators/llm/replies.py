"""Replies: the strategy that a model names, and the kernel that it writes, read as leniently as is safe."""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterator

import msgspec

from evo.making import writable
from operators.llm.edits import NoEdit, applied, edits_in

LONGEST_STRATEGY = 160
THOUGHT = re.compile(r"\A.*</think(?:ing)?>", re.DOTALL)
STRATEGY = re.compile(r"^[ \t>*_#-]*strategy[*_]*(?::| [-–—] )[*_ ]*(.*)$", re.IGNORECASE | re.MULTILINE)
FENCE = re.compile(r"^[ \t]*(?P<marks>`{3,}|~{3,})[^`\n]*$")
BEGINS = re.compile(r"^(?:import |from |@|def |\"\"\"|'''|#)")
"""How the first line of a module looks that no fence is around."""
JIT = re.compile(r"^@(?:triton\.)?jit\b", re.MULTILINE)
TRIMS = 40
"""Places at which what follows a module without a fence may be cut off."""


class Answer(msgspec.Struct, frozen=True):
    """What a reply holds: a module that Python parses, and the strategy, empty if none was named."""

    source: str
    strategy: str


class Unusable(msgspec.Struct, frozen=True):
    """Why a reply holds no kernel, in words that help whoever wrote it."""

    reason: str


def read_reply(text: str, entry_point: str, base: str | None = None, cut_off: str = "") -> Answer | Unusable:
    """Return what a reply holds, or why it cannot be used. Never raises.

    Args:
        text: the reply.
        entry_point: the function that the module must define.
        base: the source that search and replace blocks are about; None where a whole module is due.
        cut_off: why the reply may lack its end; empty if it is whole.
    """
    said = THOUGHT.sub("", writable(text).replace("\r\n", "\n").replace("\r", "\n"))
    strategy = _strategy(said)
    blocks = edits_in(said)
    if blocks and base is not None:
        source = blocks if isinstance(blocks, NoEdit) else applied(blocks, base)
        if isinstance(source, NoEdit):
            return Unusable(_cut(source.reason, cut_off))
        fault = _fault(source, entry_point)
        return Unusable(f"with the blocks applied, {fault}") if fault else Answer(source, strategy)
    if blocks:
        return Unusable("search and replace blocks have nothing to be applied to, write the whole module")
    return _module(said, entry_point, strategy, cut_off)


def _module(text: str, entry_point: str, strategy: str, cut_off: str) -> Answer | Unusable:
    """Return the likeliest module that has no fault, one with a Triton kernel if there is any."""
    whole: list[str] = []
    faults: dict[str, str] = {}
    for source in _modules(text, whole=not cut_off):
        fault = _fault(source, entry_point)
        if fault is None:
            whole.append(source)
        else:
            faults[source] = fault
    if whole:
        return Answer(next((source for source in whole if JIT.search(source)), whole[0]), strategy)
    reason = faults[max(faults, key=len)] if faults else "the reply holds no code"
    return Unusable(_cut(reason, cut_off))


def _cut(reason: str, cut_off: str) -> str:
    return f"{cut_off}; {reason}" if cut_off else reason


def _strategy(text: str) -> str:
    """Return the strategy that is named first, in one line."""
    found = STRATEGY.search(text)
    if found is None:
        return ""
    named = found[1].strip() or next((line for line in text[found.end() :].splitlines() if line.strip()), "")
    if FENCE.match(named):
        return ""
    return textwrap.shorten(named.strip("*_`# "), LONGEST_STRATEGY, placeholder=" …")


def _modules(text: str, whole: bool) -> Iterator[str]:
    """Yield what may be the module, the likeliest first, each with one newline at its end.

    The fenced blocks from the last to the first, then all of them together; where there is none, the text
    itself. A block whose end is missing counts only if the reply is whole.
    """
    blocks, closed = _fenced(text)
    if not (closed or whole):
        blocks.pop()
    for block in reversed(blocks):
        yield _tidy(block)
    if len(blocks) > 1:
        yield _tidy("\n\n".join(blocks))
    if not blocks and closed:
        yield from _unfenced(text)


def _fenced(text: str) -> tuple[list[str], bool]:
    """Return the contents of all fences in order, and whether the last one was closed."""
    blocks: list[str] = []
    fence = ""
    lines: list[str] = []
    for line in text.split("\n"):
        found = FENCE.match(line)
        if not fence and found:
            fence, lines = found["marks"], []
        elif fence and found and line.strip().startswith(fence) and not line.strip().strip(fence[0]):
            blocks.append("\n".join(lines))
            fence = ""
        elif fence:
            lines.append(line)
    if fence:
        blocks.append("\n".join(lines))
    return blocks, not fence


def _unfenced(text: str) -> Iterator[str]:
    """Yield the text from the first line that may begin a module, less and less of it."""
    lines = text.split("\n")
    begin = next((place for place, line in enumerate(lines) if BEGINS.match(line)), None)
    if begin is None:
        return
    lines = lines[begin:]
    for _ in range(TRIMS):
        source = _tidy("\n".join(lines))
        line = _broken_line(source)
        yield source
        if line is None or line <= 1:
            return
        lines = lines[: line - 1]


def _broken_line(source: str) -> int | None:
    """Return the line at which Python stops to understand a source; None if it understands all."""
    error = _syntax_error(source)
    return error.lineno if isinstance(error, SyntaxError) else None


def _tidy(source: str) -> str:
    """Return a source without empty lines around it and without a margin."""
    return textwrap.dedent(source).strip("\n").rstrip() + "\n"


def _fault(source: str, entry_point: str) -> str | None:
    """Return why a source is no module of the task, or None."""
    error = _syntax_error(source)
    if error is not None:
        line = f" (line {error.lineno})" if isinstance(error, SyntaxError) and error.lineno else ""
        told = error.msg if isinstance(error, SyntaxError) else str(error)
        return f"the module does not parse: {writable(str(told))}{line}"
    defined = {node.name for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)}
    if entry_point not in defined:
        got = ", ".join(sorted(defined)) or "no function"
        return f"the module must define the entry point {entry_point!r}, got {got}"
    return None


def _syntax_error(source: str) -> Exception | None:
    """Return why Python does not understand a source, or None."""
    try:
        ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return error
    return None
