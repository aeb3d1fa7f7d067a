"""Models asked about the tasks that come with kernevo: what they are told is so, and fits a prompt."""

from __future__ import annotations

import asyncio
import re

import pytest

from evo.candidate import Proposal
from evo.protocols import Draft
from experiments.build import target_of
from experiments.settings import REPAIRS, parse_settings
from experiments.suites.loader import load_task, task_names
from fitness.devices import DEVICES, H200, MI300X
from fitness.plan import MOST_ALTERNATIVES
from fitness.policy import IMPORTS, breach
from operators.llm.build import llm_operators
from operators.llm.conversation import LONGEST_PROMPT, LONGEST_SYSTEM, size
from operators.llm.operator import is_askable
from operators.llm.templates import PROMPTS
from tests.operators.llm.goldens import WEIGHTS
from tests.operators.llm.prompted import Archive, Scripted, llm_settings, settled

MODELS = """
task = "flip"
[[operators.llm.models]]
name = "one"
"""


@pytest.mark.parametrize("task_name", task_names())
@pytest.mark.parametrize("device", DEVICES.values(), ids=DEVICES.keys())
def test_a_task_fits_the_prompts_of_first_kernels_and_of_its_seed(task_name: str, device) -> None:
    task = load_task(task_name)
    other = task.seed.source + "\n\nUNUSED = 1\n"
    script = Scripted(lambda request, proposal, turn: f"```python\n{other}```")
    operators = llm_operators(llm_settings(), WEIGHTS, script, target_of(device))
    seed = settled(0, task.seed.source, operator="seed", summary="the task's seed kernel")
    archive = Archive()
    archive.individuals = {0: seed}
    assert is_askable(seed)
    for name, parents in (("generate", ()), ("optimise", (seed,))):
        operators[name].consult(archive)
        proposal = Proposal(number=1, operator=name, parents=(0,)[: len(parents)], generation=1, key=1)
        draft = asyncio.run(operators[name].propose(proposal, parents, task))
        assert isinstance(draft, Draft)
        assert draft.kernel.source == other
        system, prompt = (message.content for message in script.asked[-1][1].messages)
        assert size(system) <= LONGEST_SYSTEM
        assert size(prompt) <= LONGEST_PROMPT * 3 // 4, "there is room for cards, an exemplar and a past"
        assert task.instruction.strip() in prompt
        assert task.reference.strip() in prompt
        assert all(f"| {workload.name} |" in prompt for workload in task.workloads)
        assert device.product in system


def test_the_rules_that_models_are_told_are_the_policys() -> None:
    rules = (PROMPTS / "rules.md").read_text()
    imports = rules[: rules.index("- It defines")]
    told = set(re.findall(r"[a-z_]+(?:\.[a-z_]+)*", imports.split("imports only", 1)[1]))
    assert told - {"and", "what", "of", "these", "it", "needs"} == IMPORTS
    assert f"at most {MOST_ALTERNATIVES} configs" in rules
    for refused in ("clone", "sum"):
        source = f"import torch, triton\n@triton.jit\ndef k(): pass\ndef add(x): return torch.{refused}(x)\n"
        assert breach(source, "add") is not None
    for name in ("getattr", "eval", "exec", "open"):
        assert name in rules
        source = f"import torch, triton\n@triton.jit\ndef k(): pass\ndef add(x): return {name}(x)\n"
        assert breach(source, "add") is not None


def test_a_target_has_the_figures_of_its_device() -> None:
    target = target_of(MI300X)
    assert (target.name, target.warp_size, target.units, target.dies) == ("AMD MI300X", 64, 304, 8)
    assert target.warps_per_unit == 32
    assert target.vector_flops == pytest.approx(163.4e12, rel=0.01), "the data sheet's"
    assert target_of(H200).vector_flops == pytest.approx(67e12, rel=0.01), "the data sheet's"


def test_broken_kernels_wait_for_repair_where_models_are_asked() -> None:
    assert parse_settings(MODELS, "config").search.repairs == REPAIRS > 0
    assert parse_settings('task = "flip"', "config").search.repairs == 0
    assert parse_settings(MODELS, "config", ["search.repairs=0"]).search.repairs == 0
    resolved = parse_settings(MODELS, "config")
    assert parse_settings(resolved.to_toml(), "settings") == resolved
