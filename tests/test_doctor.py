"""`kernevo doctor`: what this machine has."""

from __future__ import annotations

import pytest

from experiments.console import output
from experiments.doctor import PACKAGES, Finding, show_findings
from fitness.devices import DEVICES
from fitness.judge.probe import has_gpu
from tests.commanded import reported


def test_it_reports_packages_rooms_and_targets() -> None:
    findings = {each["what"]: each for each in reported("doctor")["findings"]}
    assert {"machine", *PACKAGES} <= set(findings)
    assert all(findings[name]["good"] for name in PACKAGES)
    for target in DEVICES:
        found = findings[f"target {target}"]
        assert found["good"], found
        assert found["value"].startswith("PASSED (modelled), ")
    assert any(name.startswith("room ") for name in findings)
    assert has_gpu() or findings["GPU"]["value"] == "none here, latencies are modelled"


def test_people_get_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    findings = [Finding("triton", "3.6.0", True), Finding("target [gfx942]", "room 'x' cannot start", False)]
    show_findings(output(), findings)
    shown = capsys.readouterr().out
    assert "│ ok │ triton          │ 3.6.0" in shown
    assert "│ !! │ target [gfx942] │ room 'x' cannot start" in shown
