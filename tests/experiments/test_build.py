"""Targets: the device table, and what the installed Triton can build for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import tomli_w

from evo.errors import SettingsError, TargetError
from evo.evaluation import Source
from experiments.build import TRITON_BACKENDS, Place, buildable, located, place_on, run_secret, target_of
from experiments.settings import parse_settings
from fitness.devices import DEVICES
from fitness.judge.messages import Fingerprint
from fitness.judge.probe import has_gpu
from fitness.settings import FitnessSettings
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


def test_a_device_that_is_left_open_is_modelled_where_there_is_no_gpu() -> None:
    if has_gpu():
        pytest.skip("this machine has a GPU")
    place = located(FitnessSettings(target="sm_90"))
    assert located(FitnessSettings(target="sm_90", portable=True)) == place
    assert (place.gpus, place.source, place.label) == ((), Source.MODELLED, "model:sm_90")
    assert located(FitnessSettings(device="model:gfx942")) == located(FitnessSettings(device="model"))
    for device in ("cuda:0", "rocm:0"):
        with pytest.raises(TargetError, match=f"{device} cannot be measured on: this machine has no GPU"):
            located(FitnessSettings(device=device))


def found(arch: str) -> Fingerprint:
    return Fingerprint(
        name="some GPU", arch=arch, backend="cuda", index=0, uuid="", units=1, memory_bytes=1, driver="5",
        torch="2", triton="3",
    )  # fmt: skip


def test_a_gpu_of_another_architecture_will_do_if_it_may() -> None:
    target = DEVICES["gfx942"]
    own = place_on(found("gfx942"), ("rocm:0",), target, portable=True)
    assert isinstance(own, Place)
    assert (own.device, own.gate, own.label) == (target, None, "some GPU (gfx942, driver 5, Triton 3)")
    assert place_on(found("sm_90"), ("cuda:0",), target, portable=False) == (
        "cuda:0 is a some GPU (sm_90), kernels are compiled for gfx942"
    )
    other = place_on(found("sm_90"), ("cuda:0",), target, portable=True)
    assert isinstance(other, Place)
    assert (other.gpus, other.device, other.gate) == (("cuda:0",), DEVICES["sm_90"], target)
    assert other.source is Source.MEASURED
    assert other.label == "some GPU (sm_90, driver 5, Triton 3), not the target gfx942"
    with pytest.raises(TargetError, match="got 'sm_61'"):
        place_on(found("sm_61"), ("cuda:0",), target, portable=True)


def test_models_are_told_of_both_devices() -> None:
    told = target_of(DEVICES["sm_90"], DEVICES["gfx942"])
    assert told.name == "NVIDIA H200 (kernels must also compile for AMD MI300X, gfx942)"
    assert (told.arch, told.warp_size, told.threads_per_program) == ("sm_90", 32, 16 * 32)
    assert told.shared_bytes_per_program == 65536
    assert target_of(DEVICES["sm_90"]).threads_per_program == 1024


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"device": "gpu"}, "must be auto, cuda:N, rocm:N or model, got 'gpu'"),
        ({"device": "cuda"}, "must be auto"),
        ({"device": "cuda:0,1,"}, "must be auto"),
        ({"device": "cuda:1,01"}, "must name each GPU once, got 'cuda:1,01'"),
        (
            {"device": "model:sm_90"},
            "models sm_90, but fitness.target, which kernels are compiled for, is gfx942",
        ),
        ({"device": "model", "portable": True}, "latencies that are measured, but fitness.device is model"),
        ({"judge": {"wall_seconds": 0}}, "wall_seconds must be positive"),
        ({"judge": {"timing": {"blocks": 1}}}, "blocks must be at least 4, got 1"),
    ],
)
def test_fitness_settings_that_nothing_could_be_measured_with(settings: dict[str, Any], told: str) -> None:
    text = tomli_w.dumps({"task": "flip", "fitness": settings})
    with pytest.raises(SettingsError, match=told):
        parse_settings(text, "config")
