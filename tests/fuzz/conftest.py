"""What the fuzz suite shares: sound files, and a workplace in which nothing else may change."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from campaign import Target, check
from seeds import make_seeds
from shared import made_once


@pytest.fixture(scope="session")
def seeds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sound files of every format; to read or to copy."""
    return made_once(tmp_path_factory, "fuzz-seeds", make_seeds)


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, which has ``tmp`` for temporary files, and a cache apart from it."""
    root = tmp_path / "work"
    (root / "tmp").mkdir(parents=True)
    monkeypatch.chdir(root)
    monkeypatch.setattr(tempfile, "tempdir", str(root / "tmp"))
    monkeypatch.setenv("EDGESSL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")  # a mutated name of a network asks nobody
    return root


@pytest.fixture(params=[1, pytest.param(60, marks=pytest.mark.slow)], ids=["minute", "hour"])
def hold(workplace: Path, request: pytest.FixtureRequest) -> Callable[[Target], None]:
    """Holds mutated files to the rule: some, or sixty times as many."""
    return lambda target: check(target, workplace, request.param)
