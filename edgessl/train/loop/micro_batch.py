"""The images of one forward and backward pass."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgessl.rng import DrawKey


@dataclass(frozen=True, slots=True)
class MicroBatch:
    """The images of one forward and backward pass.

    Attributes:
        key: Of their random draws.
        ids: Which images, ``(B,)``: with several processes, this one's.
        last: Whether the optimiser steps after it.
    """

    key: DrawKey
    ids: NDArray[np.int64]
    last: bool
