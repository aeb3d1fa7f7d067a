"""Wiring: settings in, the parts of a run out. The one place that knows every floor."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import AsyncIterator, Sequence
from importlib.metadata import entry_points

import msgspec

from evo.engine import Engine
from evo.errors import TargetError
from evo.evaluation import Evaluation, Source
from evo.imports import Import
from evo.protocols import SparingEvaluator
from evo.task import Task
from experiments.settings import RunSettings
from experiments.shown import exemplars_for, known_cards, recording_of
from fitness.cascade import Cascade
from fitness.devices import Device, device_for, product_for
from fitness.judge.messages import Fingerprint
from fitness.judge.pool import Judges, open_judges
from fitness.judge.probe import NoDevice, has_gpu, probed
from fitness.measured import MeasuredEvaluator
from fitness.modelled import ModelledEvaluator, device_label
from fitness.portable import Gate, GatedEvaluator, beside_the_target
from fitness.rooms import Rooms, open_rooms
from fitness.settings import FitnessSettings
from operators.llm.contract import Provider
from operators.llm.prices import check_priced
from operators.llm.target import Target
from operators.settings import build_operators, build_portfolio

TRITON_BACKENDS = {"cuda": "nvidia", "hip": "amd"}
"""What Triton's own distribution calls the backend that builds for each kind of target."""


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where latencies come from.

    Attributes:
        device: the row of the device table that is modelled, the target's, or of the GPU that is measured on.
        gpus: the GPUs to measure on, such as `cuda:0`, all of a kind; none where the target is modelled.
        label: what evaluations call the device.
        reason: why nothing is measured, where the settings leave it open and there is a GPU.
        gate: the target, where another device is measured on: kernels must build for it too.
    """

    device: Device
    gpus: tuple[str, ...]
    label: str
    reason: str = ""
    gate: Device | None = None

    @property
    def source(self) -> Source:
        """Whether latencies are measured or modelled."""
        return Source.MEASURED if self.gpus else Source.MODELLED


def build_engine(
    settings: RunSettings, task: Task, imports: Sequence[Import] = (), provider: Provider | None = None
) -> Engine:
    """Return a fresh engine for a run that begins with the imports, if any.

    A provider answers for its models, or else whoever the settings name.

    Raises:
        UsageError: settings that cannot be had, such as a target that cannot be built for.
    """
    check_priced(settings.operators.llm.models, settings.search.budget)
    place = located(settings.fitness)
    llm = settings.operators.llm
    operators = build_operators(
        settings.operators, place.device.backend, target=target_of(place.device, place.gate),
        provider=provider or (recording_of(llm) if llm.models else None),
        exemplars=exemplars_for(llm) if llm.models and llm.exemplar else None,
        cards=known_cards() if llm.models and llm.knowledge else None,
    )  # fmt: skip
    return Engine(
        task, settings.search, operators, build_portfolio(settings.operators, operators),
        place.source, place.label, imports=imports,
    )  # fmt: skip


def located(settings: FitnessSettings) -> Place:
    """Return where latencies come from: the GPU that is asked for, the model, or what there is (`auto`).

    Raises:
        TargetError: a target that cannot be built for, or a GPU that is not there or of another architecture.
    """
    target = buildable(settings.target)
    modelled = Place(device=target, gpus=(), label=device_label(target))
    auto = settings.device == "auto"
    if settings.device.startswith("model") or (auto and not has_gpu()):
        return modelled
    kinds = ("rocm:0", "cuda:0") if target.backend == "hip" else ("cuda:0", "rocm:0")
    wanted = (kinds if settings.portable else kinds[:1]) if auto else (settings.device,)
    places = [_place_at(gpus_of(device), target, settings.portable) for device in wanted]
    for place in places:
        if isinstance(place, Place):
            return place
    reason = "; ".join(map(str, places))
    if auto:
        return msgspec.structs.replace(modelled, reason=reason)
    raise TargetError(f"fitness.device {reason}")


def gpus_of(device: str) -> tuple[str, ...]:
    """Return the name of each GPU that `fitness.device` names: `cuda:0,2` is `cuda:0` and `cuda:2`."""
    kind, _, numbers = device.partition(":")
    return tuple(f"{kind}:{int(number)}" for number in numbers.split(","))


def _place_at(gpus: tuple[str, ...], target: Device, portable: bool) -> Place | str:
    """Return GPUs as a place to measure at, or why they are none; all are taken to be as the first."""
    gpu = gpus[0]
    try:
        return place_on(probed(gpu), gpus, target, portable)
    except NoDevice as error:
        return f"{gpu} cannot be measured on: {error}"
    except TargetError as error:
        return f"{gpu}: {error}"


def place_on(found: Fingerprint, gpus: tuple[str, ...], target: Device, portable: bool) -> Place | str:
    """Return the place that GPUs of a kind are, under these names, or why they are none.

    Raises:
        TargetError: GPUs that would do, but are not in the device table.
    """
    if found.arch == target.arch:
        return Place(device=product_for(found.arch, found.name), gpus=gpus, label=found.label)
    if not portable:
        return f"{gpus[0]} is a {found.name} ({found.arch}), kernels are compiled for {target.arch}"
    buildable(found.arch)
    device = product_for(found.arch, found.name)
    return Place(device=device, gpus=gpus, label=beside_the_target(found.label, target), gate=target)


def buildable(target: str) -> Device:
    """Return the device of a target. Asks what is installed, without importing any of it.

    Raises:
        TargetError: no device of the table, or one that the installed Triton has no backend for.
    """
    device = device_for(target)
    installed = sorted({entry.name for entry in entry_points(group="triton.backends")})
    if TRITON_BACKENDS[device.backend] not in installed:
        raise TargetError(
            f"target {target} needs a Triton with the {TRITON_BACKENDS[device.backend]} backend, "
            f"the installed one has {', '.join(installed) or 'none'}"
        )
    return device


def target_of(device: Device, gate: Device | None = None) -> Target:
    """Return what language models are told of a device, and of another that kernels must build for too."""
    alike = {name: getattr(device, name) for name in Target.__struct_fields__ if hasattr(device, name)}
    target = Target(
        name=device.product, warps_per_unit=device.warps_per_simd * device.simds,
        vector_flops=2.0 * device.lanes_per_unit * device.units * device.clock_hz, **alike,
    )  # fmt: skip
    if gate is None:
        return target
    warps = min(each.threads_per_program // each.warp_size for each in (device, gate))
    return msgspec.structs.replace(
        target, name=f"{device.product} (kernels must also compile for {gate.product}, {gate.arch})",
        threads_per_program=warps * device.warp_size,
        shared_bytes_per_program=min(device.shared_bytes_per_program, gate.shared_bytes_per_program),
    )  # fmt: skip


@contextlib.asynccontextmanager
async def open_evaluator(
    settings: FitnessSettings, seed: int, anchor: Evaluation | None = None
) -> AsyncIterator[SparingEvaluator]:
    """Open the rooms, and the judge where there is a GPU; yield the evaluator of a run with this seed.

    The anchor is the seed kernel's evaluation in a former session of the run.

    Raises:
        UsageError: a target that is not known or cannot be built for, or a GPU that is not there.
        SandboxError: a room cannot start.
        JudgeError: the GPU cannot be measured on.
    """
    located(settings)
    async with open_rooms() as rooms, evaluator_in(rooms, settings, seed, anchor) as evaluator:
        yield evaluator


@contextlib.asynccontextmanager
async def judges_for(settings: FitnessSettings) -> AsyncIterator[Judges | None]:
    """Start the judges of the GPUs that the settings measure on, and yield them; None where they model one.

    Raises:
        UsageError: as `open_evaluator`.
        JudgeError: as `open_evaluator`.
    """
    place = located(settings)
    if not place.gpus:
        yield None
        return
    async with open_judges(place.gpus, settings.judge.wall_seconds) as judges:
        yield judges


@contextlib.asynccontextmanager
async def evaluator_in(
    rooms: Rooms, settings: FitnessSettings, seed: int, anchor: Evaluation | None = None,
    judges: Judges | None = None,
) -> AsyncIterator[SparingEvaluator]:  # fmt: skip
    """Yield the evaluator of a run with this seed in rooms that are open, with judges if those are open too.

    Raises:
        UsageError: as `open_evaluator`.
        JudgeError: as `open_evaluator`.
    """
    place = located(settings)
    secret = run_secret(seed)
    async with contextlib.AsyncExitStack() as stack:
        evaluator: Cascade
        if not place.gpus:
            evaluator = ModelledEvaluator(rooms, place.device, settings.limits, secret)
        else:
            if judges is None:
                opened = open_judges(place.gpus, settings.judge.wall_seconds)
                judges = await stack.enter_async_context(opened)
            evaluator = MeasuredEvaluator(
                rooms, judges, place.device, settings.limits, secret, settings.judge, anchor
            )
        stack.callback(evaluator.cancel)
        if place.gate is None:
            yield evaluator
            return
        gate = Gate(rooms, place.gate, settings.limits)
        stack.callback(gate.cancel)
        yield GatedEvaluator(evaluator, gate)


def run_secret(seed: int) -> bytes:
    """Return the secret that correctness inputs are drawn under; no room where candidates run has it."""
    return hashlib.sha256(f"kernevo inputs {seed}".encode()).digest()
