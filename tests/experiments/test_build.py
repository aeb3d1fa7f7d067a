"""Targets: the device table, and what the installed Triton can build for."""

from __future__ import annotations

from pathlib import Path

import pytest

from evo.errors import TargetError
from experiments.build import TRITON_BACKENDS, buildable, run_secret
from fitness.devices import DEVICES
from tests.experiments.commanding import SMALL, kernevo, one_line


@pytest.mark.parametrize("target", DEVICES)
def test_every_device_of_the_table_can_be_built_for(target: str) -> None:
    assert buildable(target).arch == target


def test_the_backends_are_those_that_triton_names() -> None:
    from triton.backends import backends

    assert set(TRITON_BACKENDS.values()) <= set(backends)
    assert {device.backend for device in DEVICES.values()} <= set(TRITON_BACKENDS)


def test_a_device_that_is_not_in_the_table() -> None:
    with pytest.raises(TargetError, match="target must be one of gfx942, sm_90, got 'gfx90a'"):
        buildable("gfx90a")


def test_a_triton_without_the_backend_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    """Another Triton, as far as its metadata goes: one built for NVIDIA alone."""
    installed = tmp_path / "path" / "triton-3.6.0.dist-info"
    installed.mkdir(parents=True)
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: triton\nVersion: 3.6.0\n")
    (installed / "entry_points.txt").write_text("[triton.backends]\nnvidia = triton.backends.nvidia\n")
    (tmp_path / "config.toml").write_text(SMALL)
    (tmp_path / "kernel.py").write_text("")
    environment = {"PYTHONPATH": str(tmp_path / "path")}
    rule = "target gfx942 needs a Triton with the amd backend, the installed one has nvidia"
    for command in (("run", "config.toml"), ("evaluate", "kernel.py", "--task", "flip")):
        done = kernevo(*command, cwd=tmp_path, environment=environment)
        assert (done.returncode, one_line(done.stderr)) == (2, rule)
    assert not (tmp_path / "runs").exists()


def test_inputs_of_two_seeds_are_drawn_under_two_secrets() -> None:
    assert run_secret(1) == run_secret(1) != run_secret(2)
