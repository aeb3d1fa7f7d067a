"""Autotuners: each configuration is an alternative, no trial is a launch."""

from __future__ import annotations

import pytest

from evo.evaluation import Status
from fitness.plan import Fill, Plan
from tests.fitness.capturing import HEAD, captured, plan_of, refused, spec

pytestmark = pytest.mark.usefixtures("scratch")

TUNED = (
    HEAD
    + """
@triton.autotune(configs=[{configs}], key=["n"]{more})
@triton.jit
def tuned(x, y, n, B: tl.constexpr):
    at = tl.program_id(0) * B + tl.arange(0, B)
    tl.store(y + at, tl.load(x + at, mask=at < n), mask=at < n)

"""
)
ENTRY = """
def entry(x):
    y = torch.empty_like(x)
    tuned[lambda meta: (triton.cdiv(x.numel(), meta["B"]),)](x, y, x.numel())
    return y
"""


def tuned(count: int, more: str = "") -> str:
    configs = ", ".join(
        f"triton.Config({{'B': {2 ** (4 + n % 8)}}}, num_warps={1 << n // 8})" for n in range(count)
    )
    return TUNED.format(configs=configs, more=more)


def grids(plans: tuple[Plan, ...]) -> list[int]:
    return [launch.grid[0] for plan in plans for launch in plan.launches]


@pytest.mark.parametrize("count", [1, 2, 5, 16, 20])
def test_each_configuration_is_an_alternative_up_to_sixteen(count: int) -> None:
    plans = captured(ENTRY, spec(4096), head=tuned(count)).alternatives
    assert [plan.choice for plan in plans] == list(range(min(count, 16)))
    assert [len(plan.launches) for plan in plans] == [1] * len(plans)
    assert grids(plans) == [4096 >> (4 + n % 8) for n in range(len(plans))]
    assert [plan.kernels[0].options["num_warps"] for plan in plans] == [
        1 << n // 8 for n in range(len(plans))
    ]


@pytest.mark.parametrize(
    "more", ['reset_to_zero=["y"]', 'restore_value=["x"]', 'reset_to_zero=["y"], restore_value=["x", "y"]',
             "pre_hook=lambda args, reset_only=False: args['x'].clone()", "cache_results=True",
             "use_cuda_graph=True",
             "warmup=1, rep=1"]
)  # fmt: skip
def test_what_surrounds_trials_is_no_part_of_a_plan(more: str) -> None:
    plans = captured(ENTRY, spec(4096), head=tuned(3, f", {more}")).alternatives
    assert grids(plans) == [256, 128, 64]
    assert not any(isinstance(step, Fill) for plan in plans for step in plan.steps)


def test_several_keys_do_not_make_more_alternatives() -> None:
    entry = """
    def entry(x):
        for size in (4096, 2048, 1024):
            tuned[lambda meta: (triton.cdiv(size, meta["B"]),)](x, x, size)
    """
    plans = captured(entry, spec(4096), head=tuned(3)).alternatives
    assert [grids((plan,)) for plan in plans] == [[256, 128, 64], [128, 64, 32], [64, 32, 16]]


def test_two_autotuners_share_the_choice() -> None:
    other = tuned(2) + tuned(3)[len(HEAD) :].replace("def tuned", "def other")
    entry = """
    def entry(x):
        tuned[lambda meta: (meta["B"],)](x, x, 4096)
        other[lambda meta: (meta["B"],)](x, x, 4096)
    """
    plans = captured(entry, spec(4096), head=other).alternatives
    assert [grids((plan,)) for plan in plans] == [[16, 16], [32, 32], [16, 64]]


def test_pruned_configurations_are_no_alternatives() -> None:
    more = ", prune_configs_by={'early_config_prune': lambda configs, args, **_: configs[1:3]}"
    assert grids(captured(ENTRY, spec(4096), head=tuned(5, more)).alternatives) == [128, 64]
    top = ", prune_configs_by={'perf_model': lambda **meta: -meta['B'], 'top_k': 2}"
    assert grids(captured(ENTRY, spec(4096), head=tuned(5, top)).alternatives) == [16, 32]


def test_a_configuration_that_a_static_assertion_excludes_is_left_out() -> None:
    head = tuned(4).replace("    at = tl.prog", "    tl.static_assert(B > 16 and B != 64)\n    at = tl.prog")
    plans = captured(ENTRY, spec(4096), head=head).alternatives
    assert [plan.choice for plan in plans] == [1, 3]
    none = tuned(2).replace("    at = tl.prog", "    tl.static_assert(B > 999)\n    at = tl.prog")
    assert refused(ENTRY, spec(4096), head=none).status is Status.COMPILE_ERROR


def test_a_configurations_own_hook_belongs_to_every_call() -> None:
    head = tuned(1).replace("num_warps=1)", "num_warps=1, pre_hook=lambda args: args['y'].zero_())")
    steps = plan_of(ENTRY, spec(4096), head=head).steps
    assert [type(step).__name__ for step in steps] == ["Allocate", "Fill", "Launch"]


def test_heuristics_set_what_they_say() -> None:
    head = HEAD + (
        "@triton.heuristics({'B': lambda args: 2 * args['n'], 'num_warps': lambda args: 8})\n"
        "@triton.jit\ndef k(x, n, B: tl.constexpr):\n    tl.store(x + tl.arange(0, B), 1.0)\n"
    )
    plan = plan_of("def entry(x):\n    k[lambda meta: (meta['B'],)](x, 16)\n", head=head)
    assert plan.launches[0].grid == (32, 1, 1)
    assert plan.kernels[0].options["num_warps"] == 8


def test_a_trial_that_the_candidate_times_itself_is_not_timed() -> None:
    body = "def entry(x):\n    triton.testing.do_bench(lambda: copy[(1,)](x, x, 3, B=16))\n"
    assert refused(body).status in (Status.REJECTED, Status.CRASHED)
