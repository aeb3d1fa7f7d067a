from __future__ import annotations

import pytest

from operators.rewrites.launch_options import LaunchOptions
from tests.operators.kernels import ADD, AUTOTUNED, FLIP, MATMUL, SOFTMAX, changed, sources

CUDA, HIP = LaunchOptions("cuda"), LaunchOptions("hip")


def test_a_literal_is_replaced():
    made = sources(CUDA, FLIP)
    assert list(made) == [f"num_warps 4 -> {warps}" for warps in (1, 2, 8, 16)]
    launch = "flip_kernel[grid](x, out, n_cols, BLOCK=BLOCK, num_warps={})"
    assert changed(FLIP, made["num_warps 4 -> 16"]) == ["-" + launch.format(4), "+" + launch.format(16)]


def test_stages_are_for_kernels_with_a_loop():
    assert "num_stages 3 (by default) -> 2" in sources(CUDA, SOFTMAX)
    assert "num_stages 2 (by default) -> 3" in sources(HIP, SOFTMAX), "the default is the target's"
    assert not any("num_stages" in summary for summary in sources(HIP, FLIP))


def test_an_option_is_added_in_the_layout_of_the_launch():
    made = sources(CUDA, ADD)["num_warps 4 (by default) -> 8"]
    assert changed(ADD, made) == ["+num_warps=8,"]
    assert "        BLOCK=512,  # the tile\n        num_warps=8,\n    )\n" in made


@pytest.mark.parametrize(
    ("arguments", "after"),
    [
        ("(x, n)", "(x, n, num_warps=8)"),
        ("(x)", "(x, num_warps=8)"),
        ("(\n    x,\n    n\n)", "(\n    x,\n    n,\n    num_warps=8\n)"),
        ("(\n    x, n,  # both\n)", "(\n    x, n,  # both\n    num_warps=8,\n)"),
        ("(\n    x,  # first\n    n  # last\n)", "(\n    x,  # first\n    n,  # last\n    num_warps=8\n)"),
        ("()", "(num_warps=8)"),
    ],
)
def test_layouts(arguments: str, after: str):
    head = "import triton\n@triton.jit\ndef k(x, n):\n    pass\ndef f(x, n):\n  k[(1,)]"
    made = sources(CUDA, f"{head}{arguments}\n")["num_warps 4 (by default) -> 8"]
    assert made.removeprefix(head) == f"{after}\n"
    compile(made, "kernel", "exec")


def test_matrix_options_are_for_hip_and_for_kernels_that_multiply_somewhere():
    names = {summary.split()[0] for summary in sources(HIP, MATMUL)}
    assert names == {"num_warps", "num_stages", "waves_per_eu", "matrix_instr_nonkdim", "kpack"}
    assert {summary.split()[0] for summary in sources(CUDA, MATMUL)} == {"num_warps", "num_stages"}
    assert "kpack" not in " ".join(sources(HIP, SOFTMAX))
    assert "waves_per_eu 0 (by default) -> 2" in sources(HIP, FLIP)


def test_each_literal_behind_a_name_is_replaced():
    made = sources(CUDA, MATMUL)
    assert "warps = 16 if n > 512 else 4" in made["num_warps 8 -> 16"]
    assert "warps = 8 if n > 512 else 2" in made["num_warps 4 -> 2"]


def test_what_the_host_computes_is_pinned():
    made = sources(CUDA, MATMUL.replace("num_warps=warps", "num_warps=warps_for(\n    n, 2)"))
    assert "num_warps=16)" in made["num_warps warps_for( n, 2) -> 16"], "a summary is one line"


def test_autotuned_kernels_change_in_their_configs_only():
    made = sources(HIP, AUTOTUNED)
    assert changed(AUTOTUNED, made["config 1 num_warps 4 -> 2"]) == [
        '-triton.Config({"BLOCK": 256}, num_warps=4),',
        '+triton.Config({"BLOCK": 256}, num_warps=2),',
    ]
    assert '{"waves_per_eu": 3, "BLOCK": 256}' in made["config 1 waves_per_eu 0 (by default) -> 3"]
    assert '"waves_per_eu": 1}' in made["config 2 waves_per_eu 2 -> 1"]
    assert all(summary.startswith("config ") for summary in made)


def test_unpacked_options_hide_what_is_given():
    source = FLIP.replace("num_warps=4", "**options")
    assert not any("num_warps" in summary for summary in sources(CUDA, source))


def test_launches_are_told_apart():
    source = FLIP + "\n\ndef more(x, out, n):\n    flip_kernel[(1, 1)](x, out, n, BLOCK)\n"
    made = sources(CUDA, source)
    assert "flip_kernel num_warps 4 -> 8" in made
    assert "flip_kernel num_warps 4 (by default) -> 8" in made
