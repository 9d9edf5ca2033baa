"""What tests of all folders share; being here, it also makes ``reference/`` importable."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def real_images() -> Path:
    """The folder of real image sets that ``EDGESSL_TEST_DATA`` names."""
    folder = os.environ.get("EDGESSL_TEST_DATA")
    if not folder:
        pytest.skip("EDGESSL_TEST_DATA must name a folder that holds clothing10/ and grocery38/")
    return Path(folder)
