"""Smallest, median and largest of some sizes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def spread(px: NDArray[Any]) -> dict[str, float]:
    """Return ``min``, ``median`` and ``max`` of sizes in pixels."""
    return {
        "min": round(float(px.min()), 1), "median": float(np.median(px)),
        "max": round(float(px.max()), 1),
    }  # fmt: skip
