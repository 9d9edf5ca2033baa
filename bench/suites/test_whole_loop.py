"""The whole pretraining loop is at least twice as fast as lightly's, on the same machine."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

TARGET = 2.0


@pytest.mark.filterwarnings("ignore::FutureWarning")  # lightly's head uses an old weight_norm
def test_whole_loop_is_twice_as_fast_as_lightly() -> None:
    folder = os.environ.get("EDGESSL_TEST_DATA")
    if not folder:
        pytest.skip("EDGESSL_TEST_DATA must name a folder that holds clothing10/")
    from lightly_loop import PEER, compare

    result = compare(Path(folder) / "clothing10", rounds=3, steps=8, warmup=5)
    assert result["ratio"][PEER]["median"] >= TARGET, result["ratio"]
