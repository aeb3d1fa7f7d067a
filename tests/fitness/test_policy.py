from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evo.evaluation import Status
from experiments.suites.loader import load_task, task_names
from fitness.policy import DEEPEST, LONGEST_SOURCE, breach

HEAD = """import torch
import triton
import triton.language as tl

@triton.jit
def kernel(x, B: tl.constexpr):
    pass

"""
LINE = HEAD.count("\n") + 1


def verdict(body: str, head: str = HEAD) -> tuple[Status, str] | None:
    found = breach(head + body, "entry")
    return found and (found.status, found.feedback)


@pytest.mark.parametrize("name", task_names())
def test_seeds_are_allowed(name: str) -> None:
    task = load_task(name)
    assert breach(task.seed.source, task.entry_point) is None


@pytest.mark.parametrize(
    "body",
    [
        "def entry(x):\n    return torch.empty_like(x)\n",
        "def entry(x):\n    y = torch.full((3,), float('inf'), device=x.device)\n    return y",
        "@torch.inference_mode()\ndef entry(x):\n    with torch.cuda.device(x.device):\n        return\n",
        "class Meta:\n    def __init__(self):\n        self.n = 1\n\ndef entry(x):\n    return None\n",
        "from triton.language.extra import libdevice\nimport math, functools\ndef entry(x): return None\n",
        "def entry(x):\n    if (n := x.numel()) > 1:\n        print(f'{n!r:>5}')\n    return None\n",
        "def outer():\n    def inner():\n        return 1\n    return inner\ndef entry(x): return None\n",
        "entry2 = lambda x: x\ndef entry(x): return None\n",
    ],
)
def test_ordinary_host_code_is_allowed(body: str) -> None:
    assert verdict(body) is None


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("import os", "'os'"),
        ("import numpy as np", "'numpy'"),
        ("import torch.nn.functional as F", "'torch.nn.functional'"),
        ("from torch import mm", "torch.mm"),
        ("from torch import *", "torch.*"),
        ("def entry(x): x.numpy()[...] = 0", ".numpy"),
        ("def entry(x): return x.untyped_storage()", ".untyped_storage"),
        ("from torch.nn import functional", "'torch.nn'"),
        ("from . import helper", "'.'"),
        ("y = torch.mm(1, 2)", "torch.mm"),
        ("y = torch.ops.aten.mm(1, 2)", "torch.ops"),
        ("y = torch.nn.functional.softmax(1)", "torch.nn"),
        ("y = torch.compile(1)", "torch.compile"),
        ("y = torch.cuda.Event()", "torch.cuda.Event"),
        ("y = torch.cuda.graphs", "torch.cuda.graphs"),
        ("y = getattr(torch, 'mat' + 'mul')", "getattr"),
        ("setattr(torch, 'x', 1)", "setattr"),
        ("exec('1')", "exec"),
        ("y = eval", "eval"),
        ("y = __import__('os')", "__import__"),
        ("y = open('/etc/passwd')", "open"),
        ("y = globals()", "globals"),
        ("y = ().__class__", "__class__"),
        ("y = __builtins__", "__builtins__"),
        ("y = f'{torch.mm}'", "torch.mm"),
        ("y = f'{().__class__}'", "__class__"),
        ("y = [z := torch.mm]", "torch.mm"),
        ("y = (lambda: torch.mm)()", "torch.mm"),
        ("y = 1 @ 2", "the @ operator"),
        ("y = 1\ny @= 2", "the @ operator"),
    ],
)
def test_breaches_are_named_with_their_line(line: str, names: str) -> None:
    found = verdict(f"{line}\ndef entry(x): return None\n")
    assert found is not None
    status, feedback = found
    assert status is Status.REJECTED
    assert feedback.startswith(f"line {LINE + line.count(chr(10))}: ")
    assert names in feedback


def test_the_first_line_that_breaks_the_policy_is_named() -> None:
    found = verdict("def entry(x):\n    return [torch.mm]\n\nimport os\n")
    assert found is not None
    assert found[1].startswith(f"line {LINE + 1}: torch.mm")


@pytest.mark.parametrize(
    "source",
    [
        "def entry(x:\n",
        "def entry(x):\nreturn 1\n",
        "\0",
        "'\ud800'",
        "x = " + "9" * 10000,
        "x = " + "(" * 5000 + ")" * 5000,
        "x = " + "-" * 5000 + "1",
        "x = " + "+".join("1" * 3000),
        "\tif 1:\n        pass\n",
    ],
)
def test_what_does_not_parse_is_malformed(source: str) -> None:
    found = verdict(source)
    assert found is not None
    assert found[0] is Status.MALFORMED
    assert found[1].encode()


def test_a_syntax_error_is_named_with_its_line() -> None:
    found = verdict("def entry(x):\n    return (\n")
    assert found is not None
    assert f"line {LINE + 1}" in found[1]


@pytest.mark.parametrize(
    "deep", ["@a" + ".b" * 2000 + "\ndef f(): pass\n", "x = a" + "()" * 2500 + "\n", "x = a" + "[0]" * 700]
)
def test_deep_nesting_is_malformed(deep: str) -> None:
    found = verdict(f"{deep}\ndef entry(x): return None\n")
    assert found is not None
    assert found[0] is Status.MALFORMED
    assert str(DEEPEST) in found[1]


@pytest.mark.parametrize(
    "body",
    [
        "",
        "def other(x): return None",
        "async def entry(x): return None",
        "entry = lambda x: None",
        "class entry: pass",
        "class Holder:\n    def entry(x): return None",
        "if True:\n    def entry(x): return None",
        "import triton as entry",
    ],
)
def test_a_module_without_a_plain_entry_point_is_malformed(body: str) -> None:
    found = verdict(body)
    assert found is not None
    assert found[0] is Status.MALFORMED
    assert "'entry'" in found[1]


def test_a_module_without_a_kernel_is_rejected() -> None:
    found = verdict("def entry(x): return None\n", head="")
    assert found == (Status.REJECTED, "the module must define at least one @triton.jit function")


@pytest.mark.parametrize(
    "decorator",
    [
        "@triton.jit",
        "@triton.jit()",
        "@jit",
        "@triton.jit(do_not_specialize=['n'])",
        "@triton.heuristics({})\n@triton.jit",
    ],
)
def test_a_kernel_is_known_by_its_decorator(decorator: str) -> None:
    head = f"import triton\n{decorator}\ndef k(n): pass\n"
    assert verdict("def entry(x): return None\n", head=head) is None


def test_a_huge_source_is_rejected() -> None:
    found = verdict("#" * LONGEST_SOURCE)
    assert found is not None
    assert found[0] is Status.REJECTED
    assert str(LONGEST_SOURCE) in found[1]


@given(st.text(max_size=200))
def test_any_text_gets_a_verdict(text: str) -> None:
    found = breach(text, "entry")
    assert found is not None
    found.feedback.encode()


def test_the_deepest_source_that_is_allowed_parses() -> None:
    deep = "x = " + "-" * (DEEPEST - 5) + "y\ndef entry(x): return None\n"
    assert verdict(deep) is None
    assert ast.parse(HEAD + deep)
