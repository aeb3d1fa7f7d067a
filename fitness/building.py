"""From a kernel's source to what a judge can take: policy, capture and compiler, cheapest first."""

from __future__ import annotations

from collections.abc import Sequence

from evo.candidate import Kernel
from evo.evaluation import Stage, Status
from evo.task import Role, Task
from fitness.built import Built, runnable
from fitness.messages import Description
from fitness.once import Once
from fitness.plan import plan_digest
from fitness.policy import breach
from fitness.stages import Stages
from fitness.verdicts import Fault


class Builder:
    """Builds kernels; what the inputs of a task look like is asked once."""

    def __init__(self, roles: Sequence[Role]) -> None:
        """Compile the kernels of workloads with these roles."""
        self._roles = roles
        self._described: Once[tuple[Description, ...]] = Once()

    async def build(self, kernel: Kernel, task: Task, stages: Stages) -> Built | Fault:
        """Return a kernel that has come through policy, capture and compiler, or why it has not.

        Raises:
            SandboxError: a room cannot do its work.
            TaskError: the task's reference fails.
        """
        broken = breach(kernel.source, task.entry_point)
        if broken:
            # A kernel is there, so the reply that held it was not malformed: the module does not compile.
            status = Status.COMPILE_ERROR if broken.status is Status.MALFORMED else broken.status
            return Fault(status=status, stage=Stage.POLICY, feedback=broken.feedback)
        described = await self._described.get(task.digest, lambda: stages.describe(task))
        captured = await stages.capture(kernel, task, described)
        if isinstance(captured, Fault):
            return captured
        roles = {each.name: each.role for each in task.workloads}
        if not all(
            plan.launches
            for each in captured
            for plan in each.alternatives
            if roles[each.workload] is Role.TIME
        ):
            return Fault(
                status=Status.UNSUPPORTED, stage=Stage.CAPTURE, feedback="the entry point launches no kernel"
            )
        wanted = [each for each in captured if roles[each.workload] in self._roles]
        compiled = await stages.compile(tuple(plan for each in wanted for plan in each.alternatives))
        if isinstance(compiled, Fault):
            return compiled
        able = runnable(captured, compiled)
        if isinstance(able, Fault):
            return able
        binaries = compiled.binaries
        return Built(
            kernel=kernel, task=task, described=described, captured=able, binaries=binaries,
            plan_digest=plan_digest(able, {name: binary.digest for name, binary in binaries.items()}),
        )  # fmt: skip

    def cancel(self) -> None:
        """Give up what is under way."""
        self._described.cancel()
