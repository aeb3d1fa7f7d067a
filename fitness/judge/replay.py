"""A plan ready to run: its binaries loaded, its buffers placed, its arguments packed."""

from __future__ import annotations

from collections.abc import Callable

import torch

from fitness.comparison import words
from fitness.judge.arguments import packed_values
from fitness.judge.driver import Packed
from fitness.judge.gpu import Machine
from fitness.judge.memory import Placed, write
from fitness.messages import Binary
from fitness.plan import Fill, Launch, Plan, View
from fitness.reference import Inputs


class Replay:
    """One plan in one slot. `prepare`, then `run`, then look at what came out; as often as wanted."""

    def __init__(
        self,
        plan: Plan,
        binaries: dict[str, Binary],
        placed: Placed,
        machine: Machine,
        mutated: tuple[int, ...],
    ) -> None:
        """Pack the launches of a plan for where its buffers are.

        Raises:
            DriverError: the device cannot hold a binary.
        """
        self._plan = plan
        self._mutated = mutated
        self._placed = placed
        self._steps = [
            self._ready(step, binaries, machine) for step in plan.steps if isinstance(step, Fill | Launch)
        ]

    @property
    def device(self) -> torch.device:
        """Where the buffers are."""
        return self._placed.device

    def prepare(self, inputs: Inputs, poison: int) -> None:
        """Write inputs and poison all else: what the plan allocates, what strides of inputs leave out.

        Raises:
            ValueError: the inputs are not those that the plan was captured for.
        """
        if len(inputs) != len(self._plan.inputs):
            raise ValueError(
                f"the plan takes {len(self._plan.inputs)} inputs, the reference makes {len(inputs)}"
            )
        for view, value in zip(self._plan.inputs, inputs, strict=True):
            if isinstance(view, View) and isinstance(value, torch.Tensor):
                whole = self._placed.bytes_of(view.buffer)
                if value.numel() * value.element_size() != whole.numel():
                    whole.fill_(poison)
                write(self._placed.tensor(view), value)
        self._placed.poison(poison)

    def run(self) -> None:
        """Enqueue fills and launches; nothing else happens here, so this is what is timed.

        Raises:
            DriverError: the device refuses a launch.
        """
        for step in self._steps:
            step()

    def outputs(self) -> tuple[torch.Tensor, ...]:
        """Return copies of what came out: inputs that were to be changed first."""
        changed = [self._plan.inputs[number] for number in self._mutated]
        views = [*(each for each in changed if isinstance(each, View)), *self._plan.outputs]
        return tuple(self._placed.tensor(view).clone(memory_format=torch.contiguous_format) for view in views)

    def modified(self, inputs: Inputs) -> int | None:
        """Return the first input that changed and was not to, given what was written, or None."""
        for number, (view, value) in enumerate(zip(self._plan.inputs, inputs, strict=True)):
            if number in self._mutated or not isinstance(view, View) or not isinstance(value, torch.Tensor):
                continue
            if not same_bits(self._placed.tensor(view), value):
                return number
        return None

    def breach(self) -> str | None:
        """Return which red zone was written to, or None."""
        return self._placed.breach()

    def _ready(
        self, step: Fill | Launch, binaries: dict[str, Binary], machine: Machine
    ) -> Callable[[], object]:
        """Return what carries a step out."""
        if isinstance(step, Fill):
            target, value = self._placed.tensor(step.view), step.value
            return lambda: target.fill_(value)
        binary = binaries[self._plan.kernels[step.kernel].digest]
        kernel = machine.load(binary)
        packed = Packed(packed_values(binary.parameters, step.args, self._placed.address))
        return lambda: kernel.launch(step.grid, packed)


def same_bits(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Return whether two tensors of one shape and dtype hold the same bits."""
    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    return bool(torch.equal(words(one), words(other)))
