"""Launch options: warps and pipeline stages on every target, and what AMD's compiler takes besides."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import libcst as cst
import msgspec

from operators.rewrites.family import Backend, Variant
from operators.syntax.edits import Change, appends_keyword, becomes, prepends_entry
from operators.syntax.kernel_module import JitFunction, KernelModule, Launch, read_module
from operators.syntax.literals import literals_of
from operators.syntax.nodes import argument


class _Option(msgspec.Struct, frozen=True):
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


_WARPS = _Option("num_warps", (1, 2, 4, 8, 16), default=4)
_HIP = (
    _Option("waves_per_eu", (0, 1, 2, 3, 4), default=0),
    _Option("matrix_instr_nonkdim", (16, 32), default=0, needs_dot=True),
    _Option("kpack", (1, 2), default=1, needs_dot=True),
)
_CONFIG_STAGES = 3  # what `triton.Config` gives, whatever the target


def _stages(default: int) -> _Option:
    return _Option("num_stages", (1, 2, 3, 4), default=default, needs_loop=True)


class LaunchOptions:
    """The family `launch_options`."""

    name = "launch_options"

    def __init__(self, backend: Backend) -> None:
        """Take the backend that the kernels are compiled with, which decides what options there are."""
        self._backend = backend

    def variants(self, module: cst.Module) -> Sequence[Variant]:
        """Return one variant for each launch or config, each option that matters there and each new value."""
        kernel_module = read_module(module)
        found = [*_of_launches(kernel_module, self._backend), *_of_configs(kernel_module, self._backend)]
        # Launches that take an option from one literal find the same variants.
        return list({(variant.summary, *variant.edits): variant for variant in found}.values())


def _of_launches(module: KernelModule, backend: Backend) -> Iterator[Variant]:
    options = (_WARPS, _stages(2 if backend == "hip" else 3), *(_HIP if backend == "hip" else ()))
    for launch in module.launches:
        which = f"{launch.kernel.name} " if len(module.launches) > 1 else ""
        if launch.kernel.autotuned:
            continue
        for option in options:
            if option.matters([launch.kernel]):
                yield from _set_in_launch(option, launch, module.module, which)


def _set_in_launch(option: _Option, launch: Launch, module: cst.Module, which: str) -> Iterator[Variant]:
    given = launch.bound.get(option.name)
    if given is None:
        if not any(argument.star == "**" for argument in launch.call.args):
            yield from _added(option, launch.call, module, which, appends_keyword)
        return
    literals = literals_of(given.value, launch.host, module)
    for literal in literals:
        yield from _replaced(option, literal, module, which)
    if not literals:
        before = " ".join(module.code_for_node(given.value).split())
        for value in option.values:
            yield Variant(f"{which}{option.name} {before} -> {value}", module, {given.value: becomes(value)})


def _of_configs(module: KernelModule, backend: Backend) -> Iterator[Variant]:
    functions = [function for function in module.functions.values() if function.autotuned]
    for number, config in enumerate(module.configs, start=1):
        which = f"config {number} " if len(module.configs) > 1 else ""
        for option in (_WARPS, _stages(_CONFIG_STAGES)):
            if option.matters(functions):
                yield from _set_in_config(option, config, module.module, which)
        for option in _HIP if backend == "hip" else ():
            if option.matters(functions):
                yield from _set_in_entries(option, config, module.module, which)


def _set_in_config(option: _Option, config: cst.Call, module: cst.Module, which: str) -> Iterator[Variant]:
    given = argument(config, 1 if option is _WARPS else 2, option.name)
    if isinstance(given, cst.Integer):
        yield from _replaced(option, given, module, which)
    elif given is None and not any(a.star for a in config.args):
        yield from _added(option, config, module, which, appends_keyword)


def _set_in_entries(option: _Option, config: cst.Call, module: cst.Module, which: str) -> Iterator[Variant]:
    """AMD's own options stand among the entries of a config, beside the tile sizes."""
    entries = argument(config, 0, "kwargs")
    if not isinstance(entries, cst.Dict):
        return
    for element in entries.elements:
        if not isinstance(element, cst.DictElement):
            return
        if isinstance(element.key, cst.SimpleString) and element.key.evaluated_value == option.name:
            if isinstance(element.value, cst.Integer):
                yield from _replaced(option, element.value, module, which)
            return
    yield from _added(option, entries, module, which, prepends_entry)


def _replaced(option: _Option, literal: cst.Integer, module: cst.Module, which: str) -> Iterator[Variant]:
    before = literal.evaluated_value
    for value in option.values:
        if value != before:
            yield Variant(f"{which}{option.name} {before} -> {value}", module, {literal: becomes(value)})


def _added(
    option: _Option, node: cst.CSTNode, module: cst.Module, which: str, adds: Callable[[str, int], Change]
) -> Iterator[Variant]:
    for value in option.values:
        if value != option.default:
            summary = f"{which}{option.name} {option.default} (by default) -> {value}"
            yield Variant(summary, module, {node: adds(option.name, value)})
