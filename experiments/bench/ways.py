"""Ways to search for a faster kernel: ours, and what a user would do instead.

Each takes a task, its seed kernel's evaluation, a judge, a seed of randomness, and how many kernels it may
have judged beside the seed kernel; it may see nothing but what the judge says. None asks for a kernel that it
has had judged before, as far as it can help it.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence

import msgspec
import optuna

from evo.budget import Budget
from evo.candidate import Candidate, Kernel, Proposal
from evo.engine import Engine
from evo.evaluation import Evaluation
from evo.making import make, malformed
from evo.objective import Individual, assess, geometric_speedup
from evo.protocols import Draft, Operator
from evo.task import Task
from experiments.settings import parse_settings
from operators.rewrite_operator import RewriteOperator
from operators.rewrites.family import Backend
from operators.rewrites.tunables import Tunable, tunables, with_values
from operators.settings import OperatorSettings, build_operators, build_portfolio
from operators.syntax.kernel_module import KernelModule, read_module
from operators.syntax.parsing import parsed

Judge = Callable[[Kernel], Awaitable[Evaluation]]
Way = Callable[[Task, Evaluation, Judge, int, int], Awaitable[None]]

BACKEND: Backend = "hip"
LONGEST_WALK = 6
PATIENCE = 20  # neighbours of one kernel that a climber has judged before it begins again
REDRAWS = 20
WORTHLESS = -10.0  # log2 of the speed-up that TPE is told of a kernel that did not pass


def ours_with(changes: Sequence[str]) -> Way:
    """Return our search with `key=value` changes to its settings.

    Raises:
        SettingsError: an unknown key, or a value that does not fit.
    """
    settings = parse_settings('task = "any"', "the search's settings", changes)

    async def way(task: Task, baseline: Evaluation, judge: Judge, seed: int, kernels: int) -> None:
        """Search as `kernevo run` does by default, but for the changes."""
        budget = Budget(evaluations=kernels + 1)
        search = msgspec.structs.replace(settings.search, seed=seed, budget=budget)
        operators = build_operators(settings.operators, BACKEND)
        portfolio = build_portfolio(settings.operators, operators)
        engine = Engine(task, search, operators, portfolio, baseline.source, baseline.device)
        while (proposal := engine.ask()) is not None:
            candidate = await make(proposal, engine)
            if candidate.kernel is None:
                evaluation = malformed(candidate, baseline.source, baseline.device)
            else:
                evaluation = baseline if proposal.number == 0 else await judge(candidate.kernel)
            engine.tell(candidate, evaluation)

    return way


async def random_search(task: Task, baseline: Evaluation, judge: Judge, seed: int, kernels: int) -> None:
    """Take walks of random rewrites from the seed kernel, each of a random length."""
    rng, walker = random.Random(seed), Walker()
    start = _individual(task.seed, baseline, baseline)
    judged = {task.seed}
    for _ in range(kernels):
        for _ in range(REDRAWS):
            here = start
            for _ in range(rng.randint(1, LONGEST_WALK)):
                here = await walker.step(here, task, rng) or here
            kernel = _kernel(here)
            if kernel not in judged:
                break
        judged.add(kernel)
        await judge(kernel)


async def hill_climbing(task: Task, baseline: Evaluation, judge: Judge, seed: int, kernels: int) -> None:
    """Go to the first better neighbour by a random rewrite; begin again where many were no better."""
    rng, walker = random.Random(seed), Walker()
    start = here = _individual(task.seed, baseline, baseline)
    judged, tried = {task.seed}, 0
    for _ in range(kernels):
        there = await _fresh(walker, here, judged, task, rng)
        evaluation = await judge(_kernel(there))
        judged.add(_kernel(there))
        found = _individual(_kernel(there), evaluation, baseline)
        tried += 1
        if found.fitness > here.fitness:
            here, tried = found, 0
        elif tried >= PATIENCE:
            here, tried = start, 0


async def tpe(task: Task, baseline: Evaluation, judge: Judge, seed: int, kernels: int) -> None:
    """Tune the seed kernel's tile sizes and launch options with Optuna's TPE."""
    module, found = _tunables(task)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
    space: dict[str, optuna.distributions.BaseDistribution] = {
        each.key: optuna.distributions.CategoricalDistribution(each.choices) for each in found
    }
    own = {each.key: each.value for each in found if each.value in each.choices}
    if own.keys() == space.keys():
        study.add_trial(optuna.trial.create_trial(params=own, distributions=dict(space), value=0.0))
    judged = {task.seed}
    for _ in range(kernels):
        trial, kernel = _drawn(
            study, space, lambda values: Kernel(with_values(module, found, values)), judged
        )
        judged.add(kernel)
        speedup = geometric_speedup(await judge(kernel), baseline)
        study.tell(trial, math.log2(speedup) if speedup else WORTHLESS)


async def grid(task: Task, baseline: Evaluation, judge: Judge, seed: int, kernels: int) -> None:  # noqa: ARG001
    """Have configurations judged as `@triton.autotune` would: the tunables' product, thinned, shuffled."""
    module, found = _tunables(task)
    product = list(itertools.product(*(each.choices for each in found)))
    rng = random.Random(seed)
    thinned = product if len(product) <= kernels else rng.sample(product, kernels)
    rng.shuffle(thinned)
    for values in thinned:
        settings = dict(zip((each.key for each in found), values, strict=True))
        await judge(Kernel(with_values(module, found, settings)))


class Walker:
    """Makes random steps by the rewrites that the search has, all as likely."""

    def __init__(self) -> None:
        made = build_operators(OperatorSettings(), BACKEND).values()
        self._rewrites: list[Operator] = [each for each in made if isinstance(each, RewriteOperator)]

    async def step(self, here: Individual, task: Task, rng: random.Random) -> Individual | None:
        """Return one rewrite of a kernel, unevaluated; None if nothing applies."""
        turns = rng.sample(self._rewrites, len(self._rewrites))
        operator = next((each for each in turns if each.applies([here], task)), None)
        if operator is None:
            return None
        proposal = Proposal(
            number=1, operator=operator.name, parents=(0,), generation=1, key=rng.getrandbits(64)
        )
        draft = await operator.propose(proposal, [here], task)
        return (
            _individual(draft.kernel, here.evaluation, here.evaluation) if isinstance(draft, Draft) else None
        )


async def _fresh(
    walker: Walker, here: Individual, judged: set[Kernel], task: Task, rng: random.Random
) -> Individual:
    """Return a neighbour not judged before; where draws find none, one a step further."""
    there = here
    for _ in range(REDRAWS):
        there = await walker.step(here, task, rng) or here
        if _kernel(there) not in judged:
            return there
    return await walker.step(there, task, rng) or there


def _drawn(
    study: optuna.Study,
    space: Mapping[str, optuna.distributions.BaseDistribution],
    made: Callable[[Mapping[str, int]], Kernel],
    judged: set[Kernel],
) -> tuple[optuna.Trial, Kernel]:
    """Return a trial whose kernel was not judged before, or the last of many draws."""
    for _ in range(REDRAWS):
        trial = study.ask(dict(space))
        kernel = made(trial.params)
        if kernel not in judged:
            return trial, kernel
        study.tell(trial, state=optuna.trial.TrialState.FAIL)
    trial = study.ask(dict(space))
    return trial, made(trial.params)


def _tunables(task: Task) -> tuple[KernelModule, tuple[Tunable, ...]]:
    tree = parsed(task.seed)
    assert tree is not None
    module = read_module(tree)
    return module, tunables(module, BACKEND)


def _individual(kernel: Kernel, evaluation: Evaluation, baseline: Evaluation) -> Individual:
    proposal = Proposal(number=0, operator="seed", parents=(), generation=0, key=0)
    return assess(Candidate(proposal=proposal, kernel=kernel), evaluation, baseline)


def _kernel(individual: Individual) -> Kernel:
    assert individual.candidate.kernel is not None
    return individual.candidate.kernel


OURS = "ours"
WAYS: dict[str, Way] = {
    OURS: ours_with(()), "random": random_search, "hill_climbing": hill_climbing, "optuna_tpe": tpe,
    "grid": grid,
}  # fmt: skip
