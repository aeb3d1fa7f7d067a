"""A kernel's module as read: its `@triton.jit` functions, their launches and configs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache

import libcst as cst
import msgspec

from operators.syntax.nodes import called, dotted, walk
from operators.syntax.parsing import KEPT


class JitFunction(msgspec.Struct, frozen=True, eq=False):
    """A `@triton.jit` function.

    Attributes:
        node: its definition.
        parameters: names, in order.
        constexprs: names of the parameters annotated as `tl.constexpr`.
        autotuned: whether its launch options come from `triton.Config`s.
        reach: its definition and those of the `@triton.jit` functions that it calls, however deep.
    """

    node: cst.FunctionDef
    parameters: tuple[str, ...]
    constexprs: frozenset[str]
    autotuned: bool
    reach: tuple[cst.FunctionDef, ...] = ()

    @property
    def name(self) -> str:
        """The function's name."""
        return self.node.name.value

    def has_loop(self) -> bool:
        """Return whether anything that it runs loops."""
        return any(isinstance(node, cst.For | cst.While) for node in self.body())

    def has_dot(self) -> bool:
        """Return whether anything that it runs multiplies matrices."""
        return any(called(node) in ("tl.dot", "tl.dot_scaled") for node in self.body())

    def body(self) -> Iterator[cst.CSTNode]:
        """Yield every node of the definitions in reach."""
        for function in self.reach:
            yield from walk(function)


class Launch(msgspec.Struct, frozen=True, eq=False):
    """A launch `kernel[grid](...)` in a function of the host.

    Attributes:
        call: the launch.
        kernel: what it launches.
        grid: the grid's expression.
        host: the function that it stands in.
        bound: the arguments by name of parameter or option, as far as no `*args` hides it.
    """

    call: cst.Call
    kernel: JitFunction
    grid: tuple[cst.CSTNode, ...]
    host: cst.FunctionDef
    bound: Mapping[str, cst.Arg]

    @property
    def spread(self) -> bool:
        """Whether `*` or `**` arguments hide some of what is bound."""
        return any(argument.star for argument in self.call.args)


class KernelModule(msgspec.Struct, frozen=True, eq=False):
    """What a kernel's module holds.

    Attributes:
        module: the syntax tree.
        functions: the `@triton.jit` functions by name.
        launches: in the order of the source.
        configs: the `triton.Config(...)` calls, in the order of the source.
        imports_triton: whether the name `triton` is bound by a plain import.
    """

    module: cst.Module
    functions: Mapping[str, JitFunction]
    launches: tuple[Launch, ...]
    configs: tuple[cst.Call, ...]
    imports_triton: bool

    def inner(self, function: JitFunction) -> bool:
        """Return whether another `@triton.jit` function calls this one."""
        others = (each for each in self.functions.values() if each is not function)
        return any(function.node in each.reach for each in others)

    def launches_of(self, function: JitFunction) -> tuple[Launch, ...]:
        """Return the launches of a function."""
        return tuple(launch for launch in self.launches if launch.kernel is function)


@lru_cache(maxsize=KEPT)
def read_module(module: cst.Module) -> KernelModule:
    """Return what the module holds; functions nested in others are taken for host code."""
    hosts = [statement for statement in module.body if isinstance(statement, cst.FunctionDef)]
    functions = {host.name.value: jit for host in hosts if (jit := _jit_function(host)) is not None}
    functions = {name: _with_reach(function, functions) for name, function in functions.items()}
    nodes = list(walk(module))
    launches = [
        launch
        for host in hosts
        if host.name.value not in functions
        for node in walk(host)
        if (launch := _launch(node, functions, host)) is not None
    ]
    return KernelModule(
        module=module,
        functions=functions,
        launches=tuple(launches),
        configs=tuple(n for n in nodes if isinstance(n, cst.Call) and called(n) == "triton.Config"),
        imports_triton=any(isinstance(n, cst.Import) and _imports_triton(n) for n in nodes),
    )


def _imports_triton(node: cst.Import) -> bool:
    return any(dotted(alias.name) == "triton" and alias.asname is None for alias in node.names)


def _jit_function(node: cst.FunctionDef) -> JitFunction | None:
    decorators = [called(d.decorator) or dotted(d.decorator) for d in node.decorators]
    if not {"triton.jit", "jit"} & set(decorators):
        return None
    parameters = (*node.params.posonly_params, *node.params.params, *node.params.kwonly_params)
    return JitFunction(
        node=node,
        parameters=tuple(parameter.name.value for parameter in parameters),
        constexprs=frozenset(p.name.value for p in parameters if _is_constexpr(p.annotation)),
        autotuned=bool({"triton.autotune", "autotune"} & set(decorators)),
    )


def _is_constexpr(annotation: cst.Annotation | None) -> bool:
    if annotation is None:
        return False
    said = annotation.annotation
    name = said.evaluated_value if isinstance(said, cst.SimpleString) else dotted(said)
    return str(name).split(".")[-1] == "constexpr"


def _with_reach(function: JitFunction, functions: Mapping[str, JitFunction]) -> JitFunction:
    reach, waiting = {function.name: function.node}, [function.node]
    while waiting:
        for node in walk(waiting.pop()):
            name = called(node) or ""
            if name in functions and name not in reach:
                reach[name] = functions[name].node
                waiting.append(functions[name].node)
    return msgspec.structs.replace(function, reach=tuple(reach.values()))


def _launch(node: cst.CSTNode, functions: Mapping[str, JitFunction], host: cst.FunctionDef) -> Launch | None:
    if not (isinstance(node, cst.Call) and isinstance(node.func, cst.Subscript)):
        return None
    kernel = functions.get(dotted(node.func.value) or "")
    if kernel is None:
        return None
    bound: dict[str, cst.Arg] = {}
    positions = iter(kernel.parameters)
    for given in node.args:
        if given.star == "*":
            positions = iter(())
        elif given.keyword is not None:
            bound[given.keyword.value] = given
        elif not given.star and (name := next(positions, None)) is not None:
            bound[name] = given
    return Launch(call=node, kernel=kernel, grid=tuple(node.func.slice), host=host, bound=bound)
