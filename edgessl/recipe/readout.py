"""What a classifier may read of a backbone."""

from typing import Literal

Readout = Literal["features", "normalised_features", "last_4_blocks"]
"""The features as they are; the same at length 1; or the class tokens of a transformer's last four
blocks, each through the final layer norm, side by side."""
