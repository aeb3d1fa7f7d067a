"""`kernevo doctor`: what this machine has."""

from __future__ import annotations

from experiments.doctor import PACKAGES
from fitness.devices import DEVICES
from tests.commanded import reported
from tests.experiments.commanding import kernevo


def test_it_reports_packages_rooms_and_targets() -> None:
    findings = {each["what"]: each for each in reported("doctor")["findings"]}
    assert {"machine", *PACKAGES} <= set(findings)
    assert all(findings[name]["good"] for name in PACKAGES)
    for target in DEVICES:
        found = findings[f"target {target}"]
        assert found["good"], found
        assert found["value"].startswith("PASSED (modelled), ")
    assert any(name.startswith("room ") for name in findings)


def test_people_get_a_table() -> None:
    done = kernevo("doctor")
    assert (done.returncode, done.stderr) == (0, "")
    for word in ("triton", "room capture", "target gfx942"):
        assert word in done.stdout
