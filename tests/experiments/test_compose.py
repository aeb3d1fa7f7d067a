"""The compose file of the team's server, as far as it can be judged without containers."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "mlflow" / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_pinned_and_watched(name: str) -> None:
    service = SERVICES[name]
    tag = service["image"].split("@")[0].rpartition(":")[2]
    assert re.match(r"v?\d+\.\d+", tag), service["image"]
    assert service["healthcheck"]["test"]
    assert service["restart"] == "unless-stopped"
    for needed in service.get("depends_on", {}).values():
        assert needed == {"condition": "service_healthy"}


def test_the_server_has_the_version_that_searches_have() -> None:
    constraints = (ROOT / "constraints.txt").read_text().splitlines()
    version = next(line.removeprefix("mlflow==") for line in constraints if line.startswith("mlflow=="))
    assert SERVICES["server"]["image"] == f"ghcr.io/mlflow/mlflow:v{version}-full"


def test_only_mlflow_is_reached_from_outside_and_only_from_this_machine() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published == {"server": ["${KERNEVO_SERVER_HOST:-127.0.0.1}:${KERNEVO_SERVER_PORT:-5000}:5000"]}
    assert COMPOSE["networks"]["inside"] == {"internal": True}


def test_no_secret_has_a_default() -> None:
    secrets = 0
    for service in SERVICES.values():
        for name, value in service["environment"].items():
            if re.search("PASSWORD|SECRET", name):
                assert re.fullmatch(r"\$\{KERNEVO_SERVER_\w+:\?[^}]+ must be set\}", value), name
                secrets += 1
    assert secrets == 6


def test_data_is_in_named_volumes() -> None:
    used = {volume.split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", ())}
    assert used == COMPOSE["volumes"].keys()
    assert (ROOT / "mlflow" / COMPOSE["configs"]["auth"]["file"]).is_file()
