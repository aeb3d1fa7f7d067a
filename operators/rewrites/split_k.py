"""A product split along K: programs take a share of the loop each, and a second kernel adds the parts up.

The parts are stored side by side in float32 and summed in order, rather than added by atomics: so the result
does not depend on which program comes first, any dtype of the output is rounded once, and nothing needs to be
filled with zeros.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import libcst as cst

from operators.rewrites.family import Variant
from operators.syntax.edits import Change, Edits, in_place_of_one, together, with_body
from operators.syntax.grids import MOST_AXES, Grid, grids_of
from operators.syntax.kernel_module import JitFunction, KernelModule, read_module
from operators.syntax.literals import assigned
from operators.syntax.nodes import bound_names, called, fresh_name, names_in, walk
from operators.syntax.parameters import appends_parameters, takes_parameters
from operators.syntax.products import ProductLoop, product_loop, uncast
from operators.syntax.programs import is_docstring, program_axes, statement_of

SHARES = (2, 4, 8)
_EMPTY = ("torch.empty", "torch.empty_like")
_SUM = '''@triton.jit
def {name}(parts_ptr, out_ptr, n, PARTS: tl.constexpr, BLOCK: tl.constexpr):
    """Store the sum of the parts, each n elements after the one before."""
    offsets = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    mask = offsets < n
    part_ptrs = parts_ptr + offsets
    total = tl.zeros((BLOCK,), tl.float32)
    for _ in range(PARTS):
        total += tl.load(part_ptrs, mask=mask, other=0.0)
        part_ptrs += n
    tl.store(out_ptr + offsets, total.to(out_ptr.dtype.element_ty), mask=mask)
'''


class SplitK:
    """The family `split_k`."""

    name = "split_k"

    def variants(self, module: cst.Module) -> Sequence[Variant]:
        """Return one variant for each kernel that only sums products and each number of parts."""
        read = read_module(module)
        return [variant for function in read.functions.values() for variant in _of(function, read)]


def _of(function: JitFunction, module: KernelModule) -> Iterator[Variant]:
    grids = grids_of(module, module.launches_of(function))
    product = product_loop(function)
    if not grids or product is None or not takes_parameters(function) or function.autotuned:
        return
    axes = len(grids[0].counts)
    if program_axes(function, module, counted=True) is None or axes == MOST_AXES:
        return
    out = _output(function, product, grids)
    if out is None or any(len(grid.counts) != axes for grid in grids):
        return
    for share in SHARES:
        edits = _split(function, product, grids, out, share, module)
        yield Variant(f"{function.name} K in {share} parts", module.module, edits)


def _output(function: JitFunction, product: ProductLoop, grids: Sequence[Grid]) -> str | None:
    """Return the one parameter behind the pointer of the store to which launches give a fresh tensor."""
    behind, added = names_in(product.pointer), True
    statements = [*product.before, *product.after]
    while added:
        more = {n for s in statements if bound_names(s) & behind for n in names_in(s)}
        added = not more <= behind
        behind |= more
    fresh = [
        name for name in function.parameters if name in behind and all(_is_fresh(name, g) for g in grids)
    ]
    used_inside = names_in(product.loop)
    return fresh[0] if len(fresh) == 1 and fresh[0] not in used_inside else None


def _is_fresh(parameter: str, grid: Grid) -> bool:
    """Return whether a launch gives a parameter what `torch.empty` has made, so that it has no gaps."""
    given = grid.launch.bound.get(parameter)
    if given is None or not isinstance(given.value, cst.Name):
        return False
    name, host = given.value.value, grid.launch.host
    targets = (cst.AssignTarget, cst.AugAssign, cst.AnnAssign, cst.For, cst.NamedExpr)
    bindings = sum(isinstance(n, targets) and name in names_in(n.target) for n in walk(host))
    values = list(assigned(name, [host]))
    return bindings == 1 and len(values) == 1 and called(values[0]) in _EMPTY


def _split(
    function: JitFunction,
    product: ProductLoop,
    grids: Sequence[Grid],
    out: str,
    share: int,
    module: KernelModule,
) -> Edits:
    taken = names_in(function.node)
    size, count = fresh_name("n_out", taken), fresh_name("SPLIT_K", taken)
    everywhere = names_in(module.module)
    adder = fresh_name("sum_parts_kernel", everywhere)
    kernel: dict[cst.CSTNode, Change] = {
        function.node.body: with_body(_shared(function, product, len(grids[0].counts), out, size, count)),
        function.node.params: appends_parameters([size], [count]),
        function.node: _behind(_SUM.format(name=adder)),
    }
    launches = []
    for grid in grids:
        result = cst.ensure_type(grid.launch.bound[out].value, cst.Name).value
        parts = fresh_name("parts", names_in(grid.launch.host))
        elements = f"{result}.numel()"
        allocated = f"torch.empty(({share}, {elements}), device={result}.device, dtype=torch.float32)"
        adding = f"{adder}[(triton.cdiv({elements}, 1024),)]"
        launches.append(
            grid.edits(
                [*grid.counts, str(share)],
                {size: elements, count: str(share)},
                before=[f"{parts} = {allocated}"],
                after=[f"{adding}({parts}, {result}, {elements}, PARTS={share}, BLOCK=1024)"],
                instead={out: parts},
            )
        )
    return together([kernel, *launches])


def _shared(
    function: JitFunction, product: ProductLoop, axis: int, out: str, size: str, count: str
) -> list[cst.BaseStatement]:
    """Return the kernel's statements for a program that takes and stores its part of the turns."""
    taken = names_in(function.node)
    part, turns, first = (fresh_name(word, taken) for word in ("part", "turns", "first"))
    whole = product.end if product.step is None else f"tl.cdiv({product.end}, {product.step})"
    lines = [
        f"{turns} = tl.cdiv({whole}, {count})",
        f"{first} = {part} * {turns}",
        *(f"{name} += {first} * ({step})" for name, step in product.marching.items()),
    ]
    if product.step is None:
        bounds = [first, f"tl.minimum({first} + {turns}, {product.end})"]
    else:
        step = product.step if product.step.isidentifier() else f"({product.step})"
        bounds = [
            f"{first} * {step}",
            f"tl.minimum(({first} + {turns}) * {step}, {product.end})",
            product.step,
        ]
    loop = product.loop.with_changes(iter=_ranging(product.loop.iter, bounds))
    place = [f"{part} = tl.program_id({axis})", f"{out} += {part}.to(tl.int64) * {size}"]
    told = 1 if product.before and is_docstring(product.before[0]) else 0
    return [
        *product.before[:told],
        *map(statement_of, place),
        *product.before[told:],
        *map(statement_of, lines),
        loop,
        *(_without_casts(statement, product) for statement in product.after),
    ]


def _ranging(iterable: cst.BaseExpression, bounds: Sequence[str]) -> cst.Call:
    """Return the call of a loop's range with other bounds and the options that it had."""
    call = cst.ensure_type(iterable, cst.Call)
    options = [arg for arg in call.args if arg.keyword is not None]
    given = [cst.Arg(cst.parse_expression(bound)) for bound in bounds]
    return call.with_changes(args=[*given, *options])


def _without_casts(statement: cst.BaseStatement, product: ProductLoop) -> cst.BaseStatement:
    return cst.ensure_type(statement.visit(_Uncast(product)), cst.SimpleStatementLine)


class _Uncast(cst.CSTTransformer):
    """Leaves the sum in float32."""

    def __init__(self, product: ProductLoop) -> None:
        super().__init__()
        self._product = product

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.BaseExpression:
        """Return the sum for a cast of it."""
        return uncast(original_node, self._product.aliases) or updated_node


def _behind(code: str) -> Change:
    """Return the change of a function into itself and another behind it."""

    def change(node: cst.CSTNode) -> cst.CSTNode:
        added = cst.ensure_type(cst.parse_statement(code), cst.FunctionDef)
        blank = [cst.EmptyLine(indent=False)] * 2
        return in_place_of_one([node, added.with_changes(leading_lines=blank)])

    return change
