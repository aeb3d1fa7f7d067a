"""Commands that judge: a kernel file, or tasks themselves."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import msgspec
from rich.table import Table

from evo.candidate import Kernel
from evo.errors import UsageError
from evo.evaluation import Evaluation, Status
from evo.task import Role, Task
from experiments import render
from experiments.build import buildable, open_evaluator
from experiments.console import Printer
from experiments.reading import read_text
from experiments.suites.lint import examine as examine_tasks
from experiments.suites.loader import load_task, task_names
from fitness.policy import breach
from fitness.settings import FitnessSettings


def evaluate(file: Path, task_name: str, settings: FitnessSettings, show: Printer) -> None:
    """Report the verdict on a kernel file, beside the task's seed kernel."""
    task = load_task(task_name)
    buildable(settings.target)
    kernel = Kernel(read_text(file, "kernel file"))
    broken = breach(kernel.source, task.entry_point)
    if broken and broken.status is Status.MALFORMED:
        raise UsageError(f"{file}: {broken.feedback}")
    evaluation, baseline = asyncio.run(_evaluate(kernel, task, settings))
    show(
        render.evaluation_data(evaluation, baseline),
        lambda console: render.show_evaluation(console, evaluation, baseline),
    )


def tasks(names: Sequence[str], show: Printer) -> None:
    """Report some tasks, or all that come with kernevo."""
    loaded = [load_task(name) for name in names or task_names()]
    table = Table()
    for heading in ("task", "level", "entry point", "check", "timed"):
        table.add_column(heading)
    for task in loaded:
        workloads = (", ".join(each.name for each in task.having(role)) for role in (Role.CHECK, Role.TIME))
        table.add_row(task.name, str(task.level), task.entry_point, *workloads)
    data = [
        {"name": task.name, "level": task.level, "entry_point": task.entry_point,
         "instruction": task.instruction, "workloads": [each.name for each in task.workloads]}
        for task in loaded
    ]  # fmt: skip
    show({"tasks": data}, lambda console: console.print(table))


def check_tasks(names: Sequence[str], target: str, show: Printer) -> int:
    """Report what is wrong with some tasks, or with all that come with kernevo; return the exit code."""
    buildable(target)
    examined = asyncio.run(
        examine_tasks(names or task_names(), FitnessSettings(target=target, device="model"))
    )
    lines = [f"{each.name}: {told}" for each in examined for told in each.faults or ("fit to be searched",)]
    show(
        {"tasks": msgspec.to_builtins(examined)},
        lambda console: console.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True),
    )
    return 2 if any(each.faults for each in examined) else 0


async def _evaluate(kernel: Kernel, task: Task, settings: FitnessSettings) -> tuple[Evaluation, Evaluation]:
    """Return the verdicts on a kernel and on the task's seed kernel."""
    async with open_evaluator(settings, seed=0) as evaluator:
        evaluation = await evaluator.evaluate(kernel, task)
        return evaluation, await evaluator.evaluate(task.seed, task)
