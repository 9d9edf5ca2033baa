"""What the suites share: the loops of ``bench/peers``, threads, images, a word on each number."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
import torch

PEERS = Path(__file__).resolve().parents[1] / "peers"
sys.path.insert(0, str(PEERS))


@pytest.fixture(autouse=True)
def two_threads() -> None:
    """Numbers of one machine are comparable only at one number of threads."""
    torch.set_num_threads(2)


@pytest.fixture(autouse=True)
def _in_words(request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]) -> None:
    """Print what is about to be measured: the benchmark's docstring."""
    words = " ".join((request.function.__doc__ or "").split())
    with capsys.disabled():
        print(f"\n{request.node.name}: {words}")


@pytest.fixture(scope="session")
def clothing10() -> Path:
    """The folder of 3,247 photographs of clothes, about 400 px, in class folders."""
    folder = os.environ.get("EDGESSL_TEST_DATA")
    if not folder:
        pytest.skip("EDGESSL_TEST_DATA must name a folder that holds clothing10/")
    return Path(folder) / "clothing10"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder, here and in child processes."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("EDGESSL_CACHE", str(folder))
    return folder
