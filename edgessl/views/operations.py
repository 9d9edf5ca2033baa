"""The numbers that keep the draws of different operations apart."""

from __future__ import annotations

from enum import IntEnum


class Operation(IntEnum):
    """What a draw is for. A released recipe must give the same views, so numbers never change."""

    CROP = 0
    FLIP = 1
    JITTER = 2
    GRAY = 3
    BLUR = 4
    SOLARIZE = 5
    AUGMENT = 6
    CUTOUT = 7
    CORRUPT = 8
