"""How fast an int8 candidate is beside the fp32 model that it was made from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Timed:
    """The latency of a model that was measured in turns with another one.

    Attributes:
        ms: Its median.
        speedup: The other's latency over its own: how many times as fast it is.
        low: Lower end of the 95 % interval of that; None where there were too few turns.
        high: Upper end.
    """

    ms: float
    speedup: float
    low: float | None
    high: float | None


Time = Callable[[Sequence[Any]], list[Timed]]
"""Models to their latencies on one image, each compared with the first one's."""
