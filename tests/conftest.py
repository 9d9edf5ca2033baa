"""What tests of all folders share; being here, it also makes ``reference/`` importable."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# Before anything imports torch. The tensors of the tests are tiny: with a second thread they gain
# nothing on a quiet machine, and on a busy one they take ten times as long, waiting for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def real_images() -> Path:
    """The folder of real image sets that ``EDGESSL_TEST_DATA`` names."""
    folder = os.environ.get("EDGESSL_TEST_DATA")
    if not folder:
        pytest.skip("EDGESSL_TEST_DATA must name a folder that holds clothing10/ and grocery38/")
    return Path(folder)
