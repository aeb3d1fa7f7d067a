from __future__ import annotations

from pathlib import Path

import pytest

from fitness.packages import version_of


def test_a_package_is_known_by_the_name_that_it_is_imported_by(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = tmp_path / "quadruton_rocm-3.7.1.dist-info"
    told.mkdir()
    (told / "METADATA").write_text("Metadata-Version: 2.1\nName: quadruton-rocm\nVersion: 3.7.1\n")
    (told / "top_level.txt").write_text("quadruton\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert version_of("quadruton") == "3.7.1"
    assert version_of("quadruton_rocm") == "3.7.1"
    assert version_of("quintuton") is None
    assert version_of("pytest") == pytest.__version__
