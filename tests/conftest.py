"""The longest tests begin first, so that no worker is left with them at the end."""

from __future__ import annotations

import pytest

LONGEST = ("tests/test_killed.py", "tests/test_disturbed.py", "tests/test_search.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(
        key=lambda item: next((n for n, name in enumerate(LONGEST) if name in item.nodeid), len(LONGEST))
    )
