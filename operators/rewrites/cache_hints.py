"""Cache hints on loads and stores: what is used once makes way for what is used again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import libcst as cst
import msgspec

from operators.rewrites.family import Backend, Variant
from operators.syntax.accesses import Access, accesses_of
from operators.syntax.edits import Change, Edits, appends_keyword, in_turn, without_keyword
from operators.syntax.kernel_module import JitFunction, read_module

_WORDS = ("cache_modifier", "eviction_policy")
_POSITIONS = {"load": (5, 6), "store": (4, 5)}


class Hint(msgspec.Struct, frozen=True):
    """A hint that a load or store may bear. One at a time: PTX refuses a policy beside a modifier."""

    keyword: Literal["cache_modifier", "eviction_policy"]
    value: str


_FIRST, _LAST = Hint("eviction_policy", "evict_first"), Hint("eviction_policy", "evict_last")
_CG, _CS, _WT = (Hint("cache_modifier", value) for value in (".cg", ".cs", ".wt"))


class Hints(msgspec.Struct, frozen=True):
    """What hints change anything on a target.

    AMD's compiler reads modifiers alone, `.cg` of a store not among them; `.ca` is what a load does anyway.

    Attributes:
        load: what a load may bear.
        store: what a store may bear.
        streamed: what fits a load whose data nobody asks for again.
        reused: what fits a load whose data is asked for again; None where nothing says so.
        written: what fits a store.
    """

    load: tuple[Hint, ...]
    store: tuple[Hint, ...]
    streamed: Hint
    reused: Hint | None
    written: Hint


_HINTS: dict[Backend, Hints] = {
    "cuda": Hints((_CG, _FIRST, _LAST), (_CG, _CS, _WT, _FIRST, _LAST), _FIRST, _LAST, _FIRST),
    "hip": Hints((_CG,), (_CS, _WT), _CG, None, _CS),
}


class CacheHints:
    """The family `cache_hints`."""

    name = "cache_hints"

    def __init__(self, backend: Backend) -> None:
        """Take the backend that the kernels are compiled with, which decides what hints there are."""
        self._hints = _HINTS[backend]

    def variants(self, module: cst.Module) -> Sequence[Variant]:
        """Return for each load and store each other hint and none, and for each kernel all by their use."""
        return [
            variant
            for function in read_module(module).functions.values()
            for variant in self._of(function, module)
        ]

    def _of(self, function: JitFunction, module: cst.Module) -> Iterator[Variant]:
        accesses = [each for each in accesses_of(function.node) if _is_plain(each.call, each.kind)]
        by_use = {
            each.call: hint for each in accesses if (hint := self._fitting(each, accesses)) != _given(each)
        }
        if len(by_use) > 1:
            edits: dict[cst.CSTNode, Change] = {call: _becomes(hint) for call, hint in by_use.items()}
            yield Variant(f"{function.name} hints by use", module, edits)
        hinted = [each for each in accesses if _given(each) is not None]
        if len(hinted) > 1:
            edits = {each.call: _becomes(None) for each in hinted}
            yield Variant(f"{function.name} no hints", module, edits)
        for access in accesses:
            given = _given(access)
            choices = self._hints.load if access.kind == "load" else self._hints.store
            for hint in (*choices, None):
                if hint != given:
                    change: Edits = {access.call: _becomes(hint)}
                    moved = f"{_said(given)} -> {_said(hint)}"
                    yield Variant(f"{function.name} {access.label}: {moved}", module, change)

    def _fitting(self, access: Access, accesses: Sequence[Access]) -> Hint | None:
        """Return the hint that fits how a load or store is used.

        Data is asked for again if programs along some axis of the grid all take it, or if a later load of
        the kernel takes it from the same buffer.
        """
        if access.kind == "store":
            return self._hints.written
        later = accesses[accesses.index(access) + 1 :]
        again = any(each.kind == "load" and each.buffers & access.buffers for each in later)
        axes = frozenset().union(*(each.axes for each in accesses))
        return self._hints.reused if again or access.axes != axes else self._hints.streamed


def _is_plain(call: cst.Call, kind: str) -> bool:
    """Return whether hints stand as keywords with literal values, and nothing says `volatile`."""
    for position in (*_POSITIONS[kind], 7):
        if position < len(call.args) and call.args[position].keyword is None:
            return False
    keywords = {each.keyword.value: each.value for each in call.args if each.keyword is not None}
    literal = all(isinstance(keywords.get(word, cst.SimpleString('""')), cst.SimpleString) for word in _WORDS)
    return literal and "volatile" not in keywords


def _given(access: Access) -> Hint | None:
    """Return the hint that a call bears; of two, the first."""
    for each in access.call.args:
        if each.keyword is None or not isinstance(each.value, cst.SimpleString):
            continue
        for word in _WORDS:
            if each.keyword.value == word and each.value.evaluated_value:
                return Hint("cache_modifier" if word == _WORDS[0] else "eviction_policy", _text(each.value))
    return None


def _text(node: cst.SimpleString) -> str:
    value = node.evaluated_value
    return value if isinstance(value, str) else value.decode(errors="replace")


def _said(hint: Hint | None) -> str:
    return "no hint" if hint is None else hint.value


def _becomes(hint: Hint | None) -> Change:
    changes = [without_keyword(word) for word in _WORDS]
    if hint is not None:
        changes.append(appends_keyword(hint.keyword, f'"{hint.value}"'))
    return in_turn(*changes)
