"""What AMD's driver tells in files, over folders laid out as the kernel's documentation says."""

from __future__ import annotations

from pathlib import Path

import pytest

from fitness.judge.messages import Telemetry
from fitness.judge.telemetry import AMD, AmdMonitor, amd_folder

UNIQUE = "3b6f00112233aabb"
UUID = "33623666-3030-3131-3232-333361616262"
"""The letters of `UNIQUE` as torch on ROCm shows them."""


def card(cards: Path, number: int, vendor: str = AMD, **files: str) -> Path:
    device = cards / f"card{number}" / "device"
    monitor = device / "hwmon" / f"hwmon{number + 3}"
    monitor.mkdir(parents=True)
    (device / "vendor").write_text(f"{vendor}\n")
    if "unique_id" in files:
        (device / "unique_id").write_text(files.pop("unique_id") + "\n")
    for name, text in files.items():
        (monitor / name).write_text(f"{text}\n")
    return monitor


def test_a_device_is_found_among_others_by_its_unique_id(tmp_path: Path) -> None:
    card(tmp_path, 0, vendor="0x1a03")
    card(tmp_path, 1, unique_id="ffffffffffffffff")
    wanted = card(tmp_path, 2, unique_id=UNIQUE)
    (tmp_path / "card2-DP-1").mkdir()
    assert amd_folder(UUID, tmp_path) == wanted
    assert amd_folder(f"GPU-{UUID}", tmp_path) == wanted


@pytest.mark.parametrize("uuid", ["", "no hex", "00000000-0000-0000-0000-0000000000ff"])
def test_one_that_has_no_name_is_known_only_where_it_is_alone(tmp_path: Path, uuid: str) -> None:
    assert amd_folder(uuid, tmp_path) is None
    assert amd_folder(uuid, tmp_path / "none") is None
    only = card(tmp_path, 0, unique_id=UNIQUE)
    assert amd_folder(uuid, tmp_path) == only
    card(tmp_path, 1)
    assert amd_folder(uuid, tmp_path) is None


def test_units_are_those_of_every_other_device(tmp_path: Path) -> None:
    folder = card(
        tmp_path, 0, freq1_input="2100000000", freq2_input="1300000000", power1_average="212500000",
        temp1_label="edge", temp1_input="41000", temp2_label="junction", temp2_input="48000",
    )  # fmt: skip
    assert AmdMonitor(folder).read() == Telemetry(
        clock_mhz=2100, memory_clock_mhz=1300, celsius=41, watts=212.5
    )


def test_mi300_tells_the_junction_and_the_power_of_the_moment(tmp_path: Path) -> None:
    folder = card(
        tmp_path, 0, power1_input="150000000", temp2_label="junction", temp2_input="43000",
        temp3_label="mem", temp3_input="37000",
    )  # fmt: skip
    assert AmdMonitor(folder).read() == Telemetry(celsius=43, watts=150.0)


def test_what_is_not_told_is_missing(tmp_path: Path) -> None:
    folder = card(tmp_path, 0, freq1_input="", power1_average="none", temp3_label="mem", temp3_input="37000")
    (folder / "freq2_input").mkdir()  # a sensor that cannot be read
    assert AmdMonitor(folder).read() == Telemetry()
    assert AmdMonitor(tmp_path / "gone").read() == Telemetry()
