"""A search by files through the command line: run, ask, tell, and the same replies again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from experiments.suites.loader import load_task
from tests.commanded import reported
from tests.experiments.commanding import kernevo

SECRET = "sk-never-to-be-seen"
CONFIG = """
task = "flip"
[search]
seed = 5
population = 3
offspring = 2
budget.evaluations = 3
[operators]
rewrites = false
[operators.llm]
provider = "exchange"
models = [{ name = "somebody" }]
[tracking]
enabled = false
"""


@pytest.mark.thorough
def test_a_run_is_begun_asked_told_and_ends(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(CONFIG)
    folder, batch, replies = tmp_path / "run", tmp_path / "batch.jsonl", tmp_path / "replies.jsonl"
    begun = kernevo("run", tmp_path / "config.toml", "--out", folder, environment={"OPENAI_API_KEY": SECRET})
    assert begun.returncode == 0, begun.stderr
    assert "waiting for replies to 2 proposals; write the requests with: kernevo ask" in begun.stdout
    asked = reported("ask", folder, "--out", batch, "--quiet")
    assert (asked["stopped"], asked["waiting"], asked["written"]) == (None, 2, 2)
    seed = load_task("flip").seed.source
    requests = [json.loads(line) for line in batch.read_text().splitlines()]
    for place, request in enumerate(requests):
        text = f"Strategy: larger blocks\n```python\n{seed.replace('256', str(512 << place))}```"
        body = {"choices": [{"message": {"content": text}, "finish_reason": "stop"}]}
        line = {"custom_id": request["custom_id"], "response": {"status_code": 200, "body": body}}
        with replies.open("a") as file:
            file.write(f"{json.dumps(line)}\n")
    told = reported("tell", folder, replies, "--quiet")
    assert (told["stopped"], told["taken"], told["refused"]) == ("3 evaluations made", 2, [])
    assert reported("status", folder)["statuses"] == {"PASSED": 3}
    again = reported("tell", folder, replies, "--quiet")
    assert (again["stopped"], again["taken"], again["repeated"]) == ("3 evaluations made", 0, 2)
    calls = reported("lineage", folder, "1", "--prompt")["calls"]
    assert [call["request"]["messages"] for call in calls] == [requests[0]["body"]["messages"]]
    assert not any(SECRET.encode() in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
