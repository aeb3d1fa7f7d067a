"""Checks Triton IR that a candidate's process handed out, before the compiler may touch it.

The module is parsed first and then walked, so that no spelling of an operation can hide it. What the IR
claims of its arguments is derived again from the plan's own buffers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from fitness.plan import Argument, Launch, Plan, View
from fitness.plan_check import ITEM_BYTES, buffer_sizes

DIALECTS = frozenset({"builtin", "tt", "arith", "math", "scf", "cf", "ub"})
ALLOWED = frozenset({"gpu.barrier", "ttg.barrier", "llvm.intr.assume"})
"""Of other dialects: `tl.debug_barrier`, as Triton 3.6 and 3.7 spell it, and `tl.assume`."""
REFUSED = {
    "tt.int_to_ptr": "makes a pointer out of a number",
    "tt.elementwise_inline_asm": "holds inline assembly",
    "tt.call": "calls a function that was not inlined",
    "tt.print": "prints from the device",
}
ASSUMPTION = "llvm.intr.assume"
ASSUMED = frozenset({"arith.andi", "arith.cmpi", "arith.ori", "arith.remsi", "arith.remui"})
"""What may be made of an address on the way to an assumption about it."""
EXTERNAL_SYMBOLS = ("__nv_", "__ocml_", "__triton_hip_")
ALIGNMENT = 16
POINTER_RANGE_BITS = 32
POINTER_RANGE_LIMIT = 2**31 - 1
CLAIM = re.compile(r"(tt\.divisibility|tt\.pointer_range) = (\d+) : i32")
HEADER = re.compile(r"tt\.func public @[\w$.]+\((.*)\) attributes \{noinline = false\} \{")
PARAMETER = re.compile(r"%[\w.]+: (!tt\.ptr<\w+>|\w+)(?: \{([^{}\"]*)\})?(?:, |$)")


class Parameter(msgspec.Struct, frozen=True):
    """One parameter of a kernel: its type, and the claims that the IR makes of the values it will get."""

    kind: str
    claims: dict[str, int]


def forbidden_operation(module: Any) -> str | None:
    """Return what a parsed MLIR module does that no kernel may, or None."""
    found: list[str] = []
    counted = {"builtin.module": 0, "tt.func": 0}
    addresses, uses = [], Uses()

    def look(operation: Any) -> None:
        name = operation.get_name()
        results = uses.note(operation, name)
        if name in counted:
            counted[name] += 1
        if name.split(".")[0] not in DIALECTS and name not in ALLOWED:
            found.append(f"{name} is of a dialect that kernels may not use")
        elif name in REFUSED:
            found.append(f"{name} {REFUSED[name]}")
        elif name == "tt.extern_elementwise":
            symbol, path = operation.get_str_attr("symbol"), operation.get_str_attr("libpath")
            if path or not str(symbol).startswith(EXTERNAL_SYMBOLS):
                found.append(f"{name} calls {symbol!r} of {path!r}, which is not a device library's function")
        elif name == "tt.ptr_to_int":
            addresses.extend(results)

    module.walk(look)
    if not all(map(uses.only_assumes, addresses)):
        found.append("tt.ptr_to_int looks at where its buffers lie, which differs from call to call")
    if set(counted.values()) != {1}:
        found.append(f"one module with one function is wanted, got {counted}")
    if re.search(r"!tt\.ptr<(!|[^<>]*,)", module.str_nodebug()):
        found.append("a pointer to pointers, or into another address space")
    return found[0] if found else None


class Uses:
    """Which operations take each value of a module."""

    def __init__(self) -> None:
        self._takers: dict[int, list[tuple[str, list[int]]]] = {}

    def note(self, operation: Any, name: str) -> list[int]:
        """Take note of what an operation takes; return the values that it makes."""
        results = [operation.get_result(number).id() for number in range(operation.get_num_results())]
        for number in range(operation.get_num_operands()):
            self._takers.setdefault(operation.get_operand(number).id(), []).append((name, results))
        return results

    def only_assumes(self, value: int) -> bool:
        """Return whether nothing comes of a value but assumptions: it changes no result and no address."""
        return all(
            name == ASSUMPTION or (name in ASSUMED and all(map(self.only_assumes, results)))
            for name, results in self._takers.get(value, ())
        )


def parameters_of(text: str) -> tuple[Parameter, ...] | None:
    """Return the parameters of the one function of a module as MLIR prints it; None if there is no such.

    Whatever is not what Triton's front end writes there (other attributes of the module, the function or a
    parameter) makes it no such module: the compiler would believe them.
    """
    lines = text.split("\n", 2)
    header = HEADER.fullmatch(lines[1].strip()) if lines[0] == "module {" and len(lines) > 1 else None
    if header is None:
        return None
    at, parameters = 0, []
    while at < len(header[1]):
        match = PARAMETER.match(header[1], at)
        written = match[2].split(", ") if match and match[2] else []
        claims = [CLAIM.fullmatch(each) for each in written]
        if match is None or not all(claims):
            return None
        parameters.append(Parameter(match[1], {each[1]: int(each[2]) for each in claims if each}))
        at = match.end()
    return tuple(parameters)


def wrong_claim(parameters: tuple[Parameter, ...], plan: Plan, launch: Launch) -> str | None:
    """Return what the IR claims of its arguments that the launch does not keep, or None.

    Args:
        parameters: those of the kernel's function.
        plan: the plan that the launch is of.
        launch: one launch of this kernel.
    """
    if len(parameters) != len(launch.args):
        return f"the IR takes {len(parameters)} arguments, the launch gives {len(launch.args)}"
    sizes = buffer_sizes(plan)
    for number, (parameter, value) in enumerate(zip(parameters, launch.args, strict=True)):
        pointer = parameter.kind.startswith("!tt.ptr")
        fault = _wrong_pointer(parameter.claims, value, sizes) if pointer else _wrong_number(parameter, value)
        if fault:
            return f"argument {number} ({parameter.kind}): {fault}"
    return None


def _wrong_pointer(claims: Mapping[str, int], value: Argument, sizes: Mapping[int, int]) -> str | None:
    """Return in which way a value does not keep what the IR says of a pointer, or None."""
    if not isinstance(value, View):
        return f"a pointer is wanted, the launch gives {value!r}"
    divisor = claims.get("tt.divisibility", 1)
    if divisor < 1 or ALIGNMENT % divisor or (value.offset * ITEM_BYTES[value.dtype]) % divisor:
        return f"claimed to be a multiple of {divisor}, but starts {value.offset} elements into its buffer"
    if claims.get("tt.pointer_range", POINTER_RANGE_BITS) != POINTER_RANGE_BITS:
        return f"claimed to be within {claims['tt.pointer_range']} bits"
    if "tt.pointer_range" in claims and sizes.get(value.buffer, 0) > POINTER_RANGE_LIMIT:
        return f"claimed to be within 2 GiB, but its buffer has {sizes[value.buffer]} bytes"
    return None


def _wrong_number(parameter: Parameter, value: Argument) -> str | None:
    """Return in which way a value does not keep what the IR says of a number, or None."""
    if isinstance(value, View) or value is None:
        return f"a number is wanted, the launch gives {value!r}"
    width = re.fullmatch(r"i(1|8|16|32|64)", parameter.kind)
    if width and (isinstance(value, float) or not -(2 ** (int(width[1]) - 1)) <= value < 2 ** int(width[1])):
        return f"does not hold {value!r}"
    if not width and parameter.kind not in ("f16", "bf16", "f32", "f64"):
        return "is neither a pointer nor a number"
    divisor = parameter.claims.get("tt.divisibility")
    if "tt.pointer_range" in parameter.claims:
        return f"claimed to be within {parameter.claims['tt.pointer_range']} bits, got {value!r}"
    # Without a claim any number will do; of a scale such as 0.125 no multiple can be claimed.
    if divisor is not None and (not width or divisor < 1 or value % divisor):
        return f"claimed to be a multiple of {divisor}, got {value!r}"
    return None
