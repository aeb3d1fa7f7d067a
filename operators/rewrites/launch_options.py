"""Launch options: warps and pipeline stages on every target, and what AMD's compiler takes besides."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import libcst as cst
import msgspec

from operators.rewrites.family import Backend, Variant
from operators.syntax.edits import Change, Edits, appends_keyword, becomes, prepends_entry
from operators.syntax.kernel_module import JitFunction, KernelModule, Launch, read_module
from operators.syntax.literals import literals_of
from operators.syntax.nodes import argument


class Option(msgspec.Struct, frozen=True):
    """An option of a launch, the values worth trying, and what holds where it is not given.

    Sixteen warps are the most that AMD's 64 lanes a warp leave room for in the 1,024 threads of a program.
    """

    name: str
    values: tuple[int, ...]
    default: int
    needs_loop: bool = False
    needs_dot: bool = False

    def matters(self, functions: Sequence[JitFunction]) -> bool:
        """Return whether it changes anything of what the functions compile to."""
        return (not self.needs_loop or any(f.has_loop() for f in functions)) and (
            not self.needs_dot or any(f.has_dot() for f in functions)
        )


_WARPS = Option("num_warps", (1, 2, 4, 8, 16), default=4)
_HIP = (
    Option("waves_per_eu", (0, 1, 2, 3, 4), default=0),
    Option("matrix_instr_nonkdim", (16, 32), default=0, needs_dot=True),
    Option("kpack", (1, 2), default=1, needs_dot=True),
)
_CONFIG_STAGES = 3  # what `triton.Config` gives, whatever the target


def _stages(default: int) -> Option:
    return Option("num_stages", (1, 2, 3, 4), default=default, needs_loop=True)


class OptionSite(msgspec.Struct, frozen=True, eq=False):
    """A place where an option is given or could be.

    Attributes:
        owner: what takes the option: the kernel's name, or `config 1`.
        which: what summaries call the owner, where there are several.
        option: the option.
        value: its value now, by default where it is not given; None where the host computes it.
        said: how the value stands there now.
        node: what is edited.
        change: returns the change of the node into one that gives another value.
    """

    owner: str
    which: str
    option: Option
    value: int | None
    said: str
    node: cst.CSTNode
    change: Callable[[int], Change]

    def edits(self, value: int) -> Edits:
        """Return the edits that give another value."""
        return {self.node: self.change(value)}


class LaunchOptions:
    """The family `launch_options`."""

    name = "launch_options"

    def __init__(self, backend: Backend) -> None:
        """Take the backend that the kernels are compiled with, which decides what options there are."""
        self._backend = backend

    def variants(self, module: cst.Module) -> Sequence[Variant]:
        """Return one variant for each launch or config, each option that matters there and each new value."""
        found = [
            Variant(f"{site.which}{site.option.name} {site.said} -> {value}", module, site.edits(value))
            for site in option_sites(read_module(module), self._backend)
            for value in site.option.values
            if value != site.value
        ]
        # Launches that take an option from one literal find the same variants.
        return list({(variant.summary, *variant.edits): variant for variant in found}.values())


def option_sites(module: KernelModule, backend: Backend) -> list[OptionSite]:
    """Return the places for options that matter, of launches first, then of configs."""
    return [*_of_launches(module, backend), *_of_configs(module, backend)]


def _of_launches(module: KernelModule, backend: Backend) -> Iterator[OptionSite]:
    options = (_WARPS, _stages(2 if backend == "hip" else 3), *(_HIP if backend == "hip" else ()))
    for launch in module.launches:
        which = f"{launch.kernel.name} " if len(module.launches) > 1 else ""
        if launch.kernel.autotuned:
            continue
        for option in options:
            if option.matters([launch.kernel]):
                yield from _in_launch(option, launch, module.module, which)


def _in_launch(option: Option, launch: Launch, module: cst.Module, which: str) -> Iterator[OptionSite]:
    given, owner = launch.bound.get(option.name), launch.kernel.name
    if given is None:
        if not any(argument.star == "**" for argument in launch.call.args):
            yield _absent(option, owner, which, launch.call, appends_keyword)
        return
    literals = literals_of(given.value, launch.host, module)
    for literal in literals:
        yield _literal(option, owner, which, literal)
    if not literals:
        said = " ".join(module.code_for_node(given.value).split())
        yield OptionSite(owner, which, option, None, said, given.value, becomes)


def _of_configs(module: KernelModule, backend: Backend) -> Iterator[OptionSite]:
    functions = [function for function in module.functions.values() if function.autotuned]
    for number, config in enumerate(module.configs, start=1):
        which = f"config {number} " if len(module.configs) > 1 else ""
        owner = f"config {number}"
        for option in (_WARPS, _stages(_CONFIG_STAGES)):
            if option.matters(functions):
                yield from _in_config(option, config, owner, which)
        for option in _HIP if backend == "hip" else ():
            if option.matters(functions):
                yield from _in_entries(option, config, owner, which)


def _in_config(option: Option, config: cst.Call, owner: str, which: str) -> Iterator[OptionSite]:
    given = argument(config, 1 if option is _WARPS else 2, option.name)
    if isinstance(given, cst.Integer):
        yield _literal(option, owner, which, given)
    elif given is None and not any(a.star for a in config.args):
        yield _absent(option, owner, which, config, appends_keyword)


def _in_entries(option: Option, config: cst.Call, owner: str, which: str) -> Iterator[OptionSite]:
    """AMD's own options stand among the entries of a config, beside the tile sizes."""
    entries = argument(config, 0, "kwargs")
    if not isinstance(entries, cst.Dict):
        return
    for element in entries.elements:
        if not isinstance(element, cst.DictElement):
            return
        if isinstance(element.key, cst.SimpleString) and element.key.evaluated_value == option.name:
            if isinstance(element.value, cst.Integer):
                yield _literal(option, owner, which, element.value)
            return
    yield _absent(option, owner, which, entries, prepends_entry)


def _literal(option: Option, owner: str, which: str, literal: cst.Integer) -> OptionSite:
    value = literal.evaluated_value
    return OptionSite(owner, which, option, value, str(value), literal, becomes)


def _absent(
    option: Option, owner: str, which: str, node: cst.CSTNode, adds: Callable[[str, int], Change]
) -> OptionSite:
    said = f"{option.default} (by default)"
    return OptionSite(owner, which, option, option.default, said, node, partial(adds, option.name))
