"""Runs a kernel's entry point on what was asked, in the witness only."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
import triton  # noqa: F401  the module's own imports find it loaded

from fitness.candidate_module import describe_fault, load_entry_point, outputs_of
from fitness.judge.memory import write
from fitness.opinion.messages import Broke, Evidence, Latency, Question, Said, Trial
from fitness.plan import InputData, InputSpec, StridedData, TensorData, TensorSpec
from fitness.tensors import to_data, to_tensor

WARM_UPS = 3
WARM_CALLS = 16
WARM_SERIES = 5
CYCLES_PER_SECOND = 2_000_000_000
"""Of the device's clock, about."""
SURELY = 3.0
"""So many times as long as this process takes to enqueue calls the device idles before them, if it can."""
LONGEST_IDLE = 0.05
"""Seconds that the device idles at most."""


def evidence_on(question: Question) -> Said:
    """Return what the module does, or what it raises."""
    try:
        with torch.no_grad():
            entry_point = load_entry_point(question.source, question.entry_point)
            return Testifying(question, entry_point).all()
    # The boundary of the process: a model's module raises what it likes.
    except BaseException as error:  # noqa: BLE001
        return Broke(describe_fault(error))


class Testifying:
    """One entry point and what it is asked to do."""

    def __init__(self, question: Question, entry_point: Callable[..., Any]) -> None:
        self._question = question
        self._entry_point = entry_point
        self._device = torch.device(question.device)
        self._flush = torch.zeros(question.flush_bytes // 4, dtype=torch.int32, device=self._device)

    def all(self) -> Evidence:
        """Run the cases, then the trials.

        Raises:
            Exception: whatever the entry point raises.
        """
        outputs = tuple(self._outputs(case) for case in self._question.cases)
        return Evidence(outputs=outputs, latencies=tuple(map(self._latency, self._question.trials)))

    def _outputs(self, case: tuple[InputData, ...]) -> tuple[TensorData, ...]:
        inputs = [self._given(each) for each in case]
        returned = outputs_of(self._entry_point(*inputs), lambda each: isinstance(each, torch.Tensor))
        changed = [inputs[number] for number in self._question.mutated]
        return tuple(to_data(each.cpu()) for each in (*changed, *returned))

    def _latency(self, trial: Trial) -> Latency:
        inputs = [
            self._made(spec) if value is None else self._given(value)
            for spec, value in zip(trial.specs, trial.data, strict=True)
        ]
        began = 0.0
        for _ in range(WARM_UPS):  # the first compiles, and may tune
            began = time.perf_counter()
            self._entry_point(*inputs)
        enqueuing = SURELY * (time.perf_counter() - began)
        cold = []
        for _ in range(self._question.calls):
            self._flush.add_(1)
            cold.append(self._timed(inputs, 1, enqueuing))
        warm = [self._timed(inputs, WARM_CALLS, enqueuing) for _ in range(WARM_SERIES)]
        return Latency(
            workload=trial.workload, cold_ms=statistics.median(cold), warm_ms=statistics.median(warm)
        )

    def _timed(self, inputs: list[Any], calls: int, enqueuing: float) -> float:
        """Return the milliseconds of a call, of so many in a row; to enqueue one takes seconds."""
        if self._device.type == "cpu":
            began = time.perf_counter()
            for _ in range(calls):
                self._entry_point(*inputs)
            return 1e3 * (time.perf_counter() - began) / calls
        start, stop = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        torch.cuda._sleep(int(CYCLES_PER_SECOND * min(enqueuing * calls, LONGEST_IDLE)))
        start.record()
        for _ in range(calls):
            self._entry_point(*inputs)
        stop.record()
        stop.synchronize()
        return float(start.elapsed_time(stop)) / calls

    def _given(self, value: InputData) -> Any:
        """Return an input with its values, laid out as the entry point shall see it."""
        if not isinstance(value, StridedData):
            return value
        values = to_tensor(TensorData(value.spec.shape, value.spec.dtype, value.data))
        return self._laid_out(value.spec, values)

    def _made(self, spec: InputSpec) -> Any:
        """Return an input of normal numbers; any argument that is no tensor as it is."""
        if not isinstance(spec, TensorSpec):
            return spec
        return self._laid_out(spec, torch.randn(spec.shape, device=self._device))

    def _laid_out(self, spec: TensorSpec, values: torch.Tensor) -> torch.Tensor:
        dtype: torch.dtype = getattr(torch, spec.dtype)
        tensor = torch.empty_strided(spec.shape, spec.stride, dtype=dtype, device=self._device)
        write(tensor, values.to(dtype))
        return tensor
