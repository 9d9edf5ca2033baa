"""Lets the suites import the loops of ``bench/peers``."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "peers"))


@pytest.fixture(autouse=True)
def two_threads() -> None:
    """Numbers of one machine are comparable only at one number of threads."""
    torch.set_num_threads(2)
