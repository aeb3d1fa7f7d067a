"""Which tests run, and in which order: the longest first, so that no worker is left with them at the end."""

from __future__ import annotations

import os

import pytest

# Set before torch is imported: small operations wait for threads that a busy machine does not run.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# What a developer's own key stands for must not be asked, nor paid for, by tests.
for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "KERNEVO_MODELS"):
    os.environ.pop(name, None)

LONGEST = (
    "tests/test_disturbed.py", "tests/test_killed.py", "tests/test_search.py", "test_tracking_outage.py",
    "tests/fitness/test_modelled.py", "tests/operators/test_fine_semantics.py", "test_rivals.py",
)  # fmt: skip


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if "thorough" not in config.option.markexpr:
        for item in items:
            if item.get_closest_marker("thorough"):
                item.add_marker(pytest.mark.skip(reason="takes minutes: asked for with -m thorough"))
    items.sort(
        key=lambda item: next((n for n, name in enumerate(LONGEST) if name in item.nodeid), len(LONGEST))
    )
