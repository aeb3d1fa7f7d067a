"""Wiring: settings in, the parts of a run out. The one place that knows every floor."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import AsyncIterator, Iterator, Sequence
from importlib.metadata import entry_points

import msgspec

from evo.engine import Engine
from evo.errors import TargetError
from evo.evaluation import Evaluation, Source
from evo.imports import Import
from evo.task import Task
from experiments.settings import RunSettings
from experiments.shown import exemplars_for, known_cards, recording_of
from fitness.cascade import Cascade
from fitness.devices import Device, device_for
from fitness.judge.client import Judge, open_judge
from fitness.judge.probe import NoDevice, has_gpu, probed
from fitness.measured import MeasuredEvaluator
from fitness.modelled import ModelledEvaluator, device_label
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
        device: the target's row of the device table.
        gpu: the GPU to measure on, such as `cuda:0`; None where the target is modelled.
        label: what evaluations call the device.
        reason: why nothing is measured, where the settings leave it open and there is a GPU.
    """

    device: Device
    gpu: str | None
    label: str
    reason: str = ""

    @property
    def source(self) -> Source:
        """Whether latencies are measured or modelled."""
        return Source.MODELLED if self.gpu is None else Source.MEASURED


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
        settings.operators, place.device.backend, target=target_of(place.device),
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
    device = buildable(settings.target)
    modelled = Place(device=device, gpu=None, label=device_label(device))
    auto = settings.device == "auto"
    if settings.device.startswith("model") or (auto and not has_gpu()):
        return modelled
    gpu = f"{'rocm' if device.backend == 'hip' else 'cuda'}:0" if auto else settings.device
    try:
        found = probed(gpu)
    except NoDevice as error:
        if auto:
            return msgspec.structs.replace(modelled, reason=str(error))
        raise TargetError(f"fitness.device {gpu} cannot be measured on: {error}") from None
    if found.arch != device.arch:
        other = f"{gpu} is a {found.name} ({found.arch}), kernels are compiled for {device.arch}"
        if auto:
            return msgspec.structs.replace(modelled, reason=other)
        raise TargetError(f"fitness.device {other}")
    return Place(device=device, gpu=gpu, label=found.label)


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


def target_of(device: Device) -> Target:
    """Return what language models are told of a device."""
    alike = {name: getattr(device, name) for name in Target.__struct_fields__ if hasattr(device, name)}
    return Target(
        name=device.product, warps_per_unit=device.warps_per_simd * device.simds,
        vector_flops=2.0 * device.lanes_per_unit * device.units * device.clock_hz, **alike,
    )  # fmt: skip


@contextlib.asynccontextmanager
async def open_evaluator(
    settings: FitnessSettings, seed: int, anchor: Evaluation | None = None
) -> AsyncIterator[Cascade]:
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
async def evaluator_in(
    rooms: Rooms, settings: FitnessSettings, seed: int, anchor: Evaluation | None = None
) -> AsyncIterator[Cascade]:
    """Yield the evaluator of a run with this seed in rooms that are open.

    Raises:
        UsageError: as `open_evaluator`.
        JudgeError: as `open_evaluator`.
    """
    async with judge_for(settings) as judge:
        with evaluator_with(rooms, judge, settings, seed, anchor) as evaluator:
            yield evaluator


@contextlib.asynccontextmanager
async def judge_for(settings: FitnessSettings) -> AsyncIterator[Judge | None]:
    """Start the judge of the GPU that the settings measure on, and yield it; None where they model one.

    Raises:
        UsageError: as `open_evaluator`.
        JudgeError: as `open_evaluator`.
    """
    place = located(settings)
    if place.gpu is None:
        yield None
        return
    async with open_judge(place.gpu, settings.judge.wall_seconds) as judge:
        yield judge


@contextlib.contextmanager
def evaluator_with(
    rooms: Rooms, judge: Judge | None, settings: FitnessSettings, seed: int, anchor: Evaluation | None = None
) -> Iterator[Cascade]:
    """Yield the evaluator of a run with this seed in rooms that are open, with the judge, if there is one.

    Raises:
        UsageError: a target that is not known or cannot be built for.
    """
    device, limits, secret = buildable(settings.target), settings.limits, run_secret(seed)
    evaluator: Cascade
    if judge is None:
        evaluator = ModelledEvaluator(rooms, device, limits, secret)
    else:
        evaluator = MeasuredEvaluator(rooms, judge, device, limits, secret, settings.judge, anchor)
    try:
        yield evaluator
    finally:
        evaluator.cancel()


def run_secret(seed: int) -> bytes:
    """Return the secret that correctness inputs are drawn under; no room where candidates run has it."""
    return hashlib.sha256(f"kernevo inputs {seed}".encode()).digest()
