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
        draws: What their random draws go by, ``(B,)``: an image that comes again in an epoch has
            another number.
        last: Whether the optimiser steps after it.
    """

    key: DrawKey
    ids: NDArray[np.int64]
    draws: NDArray[np.int64]
    last: bool
