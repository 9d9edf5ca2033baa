"""Every test has a cache of its own and no data folder of the machine's."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The empty cache folder of this test."""
    monkeypatch.setenv("EDGESSL_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("EDGESSL_DATA", raising=False)
    return tmp_path / "cache"
