"""The compiler room's handler: binaries and resources from plans, in a process no candidate has touched."""

from __future__ import annotations

import re
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import msgspec
import triton
from triton._C.libtriton import ir
from triton.backends.compiler import GPUTarget
from triton.compiler import make_backend

from evo.evaluation import Status
from fitness.candidate_module import sendable, text_of
from fitness.carried import registers_carried
from fitness.devices import Device, device_for
from fitness.global_accesses import widths_in
from fitness.ir_check import EXTERNAL_SYMBOLS, Parameter, forbidden_operation, parameters_of, wrong_claim
from fitness.messages import Binary, Compiled, CompileFault, CompileReply, CompileRequest, Unbuilt
from fitness.plan import KernelIR
from fitness.plan_check import buffer_sizes, malformed


class CheckedIR(msgspec.Struct, frozen=True, kw_only=True):
    """A kernel whose IR may be compiled: its text as MLIR prints it, and the parameters of its function."""

    kernel: KernelIR
    text: str
    parameters: tuple[Parameter, ...]


SPILLED = 2
"""A loop that carries so many times what there are registers for is not compiled."""
WARM_UP_IR = """module {
  tt.func public @warm_up(%arg0: !tt.ptr<f32> {tt.divisibility = 16 : i32}) {
    %0 = tt.make_range {end = 256 : i32, start = 0 : i32} : tensor<256xi32>
    %1 = tt.splat %arg0 : !tt.ptr<f32> -> tensor<256x!tt.ptr<f32>>
    %2 = tt.addptr %1, %0 : tensor<256x!tt.ptr<f32>>, tensor<256xi32>
    %3 = tt.load %2 : tensor<256x!tt.ptr<f32>>
    tt.store %2, %3 : tensor<256x!tt.ptr<f32>>
    tt.return
  }
}
"""


def warm_up() -> None:
    """Compile a first kernel for every backend, so that children find LLVM initialised.

    One that cannot be compiled for, since a build of Triton lacks its tools, says so of each candidate.
    """
    for arch in ("gfx942", "sm_90"):
        kernel = KernelIR(name="warm_up", ttir=WARM_UP_IR, options={"num_warps": 4})
        _build(CheckedIR(kernel=kernel, text=kernel.ttir, parameters=()), device_for(arch))


def handle(payload: bytes) -> bytes:
    """Decode a `CompileRequest`, compile, and encode the `CompileReply`."""
    return msgspec.msgpack.encode(compile_plans(msgspec.msgpack.decode(payload, type=CompileRequest)))


def compile_plans(request: CompileRequest) -> CompileReply:
    """Return the binaries of all launched kernels in the plans, or why plans or IR are refused."""
    device = device_for(request.arch)
    for plan in request.plans:
        fault = malformed(plan)
        if fault:
            return CompileFault(Status.REJECTED, f"workload {plan.workload}: {fault}")
        if sum(buffer_sizes(plan).values()) > device.memory_bytes:
            return CompileFault(
                Status.OUT_OF_RESOURCES,
                f"workload {plan.workload}: {sum(buffer_sizes(plan).values())} bytes of buffers, "
                f"{device.product} has {device.memory_bytes}",
            )
    checked: dict[str, CheckedIR] = {}
    for plan in request.plans:
        for launch in plan.launches:
            kernel = plan.kernels[launch.kernel]
            if kernel.digest not in checked:
                outcome = _check(kernel)
                if isinstance(outcome, CompileFault):
                    return outcome
                checked[kernel.digest] = outcome
            claim = wrong_claim(checked[kernel.digest].parameters, plan, launch)
            if claim:
                return CompileFault(Status.REJECTED, f"{kernel.name}: {claim}")
    built = [_build(each, device) for each in checked.values()]
    return Compiled(
        tuple(each for each in built if isinstance(each, Binary)),
        tuple(each for each in built if isinstance(each, Unbuilt)),
    )


def _check(kernel: KernelIR) -> CheckedIR | CompileFault:
    """Return a kernel's IR as MLIR prints it, which alone is compiled, or why it is refused."""
    path = Path(tempfile.mkdtemp(dir=".")) / "kernel.ttir"
    path.write_text(kernel.ttir)
    context = ir.context()
    ir.load_dialects(context)
    try:
        module = ir.parse_mlir_module(str(path), context)
    except RuntimeError as error:
        return CompileFault(Status.COMPILE_ERROR, f"{kernel.name}: Triton IR does not parse: {error}")
    forbidden = forbidden_operation(module)
    if forbidden:
        return CompileFault(Status.REJECTED, f"{kernel.name}: {forbidden}")
    text = module.str_nodebug()
    parameters = parameters_of(text)
    if parameters is None:
        head = " ".join(text.split("\n", 2)[:2])[:500]
        return CompileFault(
            Status.REJECTED, f"{kernel.name}: the IR makes claims that Triton's front end does not: {head}"
        )
    return CheckedIR(kernel=kernel, text=text, parameters=parameters)


def _build(checked: CheckedIR, device: Device) -> Binary | Unbuilt:
    """Return a kernel's binary, or why the device cannot run it."""
    kernel = checked.kernel
    fault = _refused_option(kernel, device) or _carries_too_much(checked, device)
    if fault:
        return fault
    try:
        binary = _binary(checked, device)
    # The boundary of the room: MLIR and LLVM raise what they like when they cannot compile something.
    except Exception as error:  # noqa: BLE001
        told = f"{kernel.name}: {type(error).__name__}: {text_of(error)}"
        return Unbuilt(kernel.digest, Status.COMPILE_ERROR, sendable(told)[:2000])
    return _over_limits(kernel, binary, device) or binary


def _refused_option(kernel: KernelIR, device: Device) -> Unbuilt | None:
    """Return why the launch options cannot be honoured, or None."""
    options = kernel.options
    warps = options.get("num_warps", 4)
    allowed: dict[str, tuple[object, ...]] = {
        "num_warps": (1, 2, 4, 8, 16, 32), "num_stages": tuple(range(9)), "num_ctas": (1,),
        "waves_per_eu": tuple(range(9)), "matrix_instr_nonkdim": (0, 4, 16, 32), "kpack": (1, 2),
        "launch_cooperative_grid": (False,), "enable_fp_fusion": (True, False),
        "allow_flush_denorm": (True, False), "maxnreg": (None, *range(16, 256)),
        "schedule_hint": ("none", "attention", "memory-bound-attention"),
    }  # fmt: skip
    for name, value in options.items():
        if name not in allowed:
            return Unbuilt(
                kernel.digest, Status.UNSUPPORTED, f"{kernel.name}: launch option {name!r} is not known"
            )
        if value not in allowed[name]:
            return Unbuilt(kernel.digest, Status.COMPILE_ERROR, f"{kernel.name}: {name} cannot be {value!r}")
    threads = _threads(kernel, device)
    if threads > device.threads_per_program:
        return Unbuilt(
            kernel.digest,
            Status.OUT_OF_RESOURCES,
            f"{kernel.name}: num_warps={warps} makes {threads} threads a program, "
            f"{device.product} has at most {device.threads_per_program}",
        )
    return None


def _threads(kernel: KernelIR, device: Device) -> int:
    """Return the threads of a program."""
    return int(kernel.options.get("num_warps") or 4) * device.warp_size


def _carries_too_much(checked: CheckedIR, device: Device) -> Unbuilt | None:
    """Return that a loop carries far more than a thread has registers for, or None."""
    kernel = checked.kernel
    threads = _threads(kernel, device)
    carried = registers_carried(checked.text, threads)
    if carried < SPILLED * device.registers_per_thread:
        return None
    return Unbuilt(
        kernel.digest,
        Status.OUT_OF_RESOURCES,
        f"{kernel.name}: a loop carries {carried} registers a thread "
        f"with num_warps={threads // device.warp_size}, "
        f"{device.product} has {device.registers_per_thread}",
    )


def _binary(checked: CheckedIR, device: Device) -> Binary:
    """Compile one kernel from the text of its IR alone."""
    kernel = checked.kernel
    folder = Path(tempfile.mkdtemp(dir=".")).resolve()
    path = folder / "kernel.ttir"
    path.write_text(checked.text)
    triton.knobs.cache.dir = str(folder)
    triton.knobs.compilation.disable_line_info = True  # a binary must not depend on where it was made
    target = GPUTarget(device.backend, device.triton_arch, device.warp_size)
    options = {name: value for name, value in kernel.options.items() if value is not None}
    compiled: Any = triton.compile(str(path), target=target, options=options)
    missing = re.search(
        rf"^declare .*@((?:{'|'.join(EXTERNAL_SYMBOLS)})\w+)", compiled.asm["llir"], re.MULTILINE
    )
    if missing:
        raise LookupError(f"no device library has a function {missing[1]}")
    code = compiled.asm[make_backend(target).binary_ext]
    registers, spills = (
        _amd_registers(compiled.asm["amdgcn"]) if device.backend == "hip" else _nvidia_registers(code)
    )
    return Binary(
        kernel=kernel.digest, name=compiled.metadata.name, code=code, warps=compiled.metadata.num_warps,
        shared_bytes=compiled.metadata.shared, registers=registers, spills=spills,
        scratch_bytes=sum(
            getattr(compiled.metadata, f"{kind}_scratch_size", 0) or 0 for kind in ("global", "profile")
        ),
        parameters=tuple(each.kind for each in checked.parameters),
        widths=widths_in(compiled.asm["ptx" if device.backend == "cuda" else "amdgcn"], device.backend),
    )  # fmt: skip


def _amd_registers(assembly: str) -> tuple[int, int]:
    """Return VGPRs (AGPRs included) and spilled VGPRs a thread, from the metadata in the assembly."""
    counts = dict(re.findall(r"^\s*\.(vgpr_count|vgpr_spill_count):\s+(\d+)", assembly, re.MULTILINE))
    return int(counts["vgpr_count"]), int(counts["vgpr_spill_count"])


def _nvidia_registers(cubin: bytes) -> tuple[int, int]:
    """Return registers and spilled registers (stack bytes over four) a thread, as `cuobjdump` reads them."""
    with tempfile.NamedTemporaryFile(dir=".", suffix=".cubin") as file:
        file.write(cubin)
        file.flush()
        command = [triton.knobs.nvidia.cuobjdump.path, "--dump-resource-usage", file.name]
        told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    registers, stack = re.search(r"REG:(\d+)", told), re.search(r"STACK:(\d+)", told)
    assert registers, told
    return int(registers[1]), int(stack[1]) // 4 if stack else 0


def _over_limits(kernel: KernelIR, binary: Binary, device: Device) -> Unbuilt | None:
    """Return which limit of the device a binary passes, or None."""
    if binary.shared_bytes > device.shared_bytes_per_program:
        return Unbuilt(
            kernel.digest,
            Status.OUT_OF_RESOURCES,
            f"{kernel.name}: {binary.shared_bytes} bytes of shared memory a program, "
            f"{device.product} has {device.shared_bytes_per_program}",
        )
    if binary.registers * binary.warps > device.registers_per_lane * device.simds:
        return Unbuilt(
            kernel.digest,
            Status.OUT_OF_RESOURCES,
            f"{kernel.name}: {binary.registers} registers a thread in {binary.warps} warps do not fit "
            f"one unit of {device.product}",
        )
    if binary.scratch_bytes:
        return Unbuilt(
            kernel.digest,
            Status.UNSUPPORTED,
            f"{kernel.name}: asks for {binary.scratch_bytes} bytes of global scratch a program",
        )
    return None
