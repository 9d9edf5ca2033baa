"""How many samples to work on at a time."""

from __future__ import annotations

from collections.abc import Iterator

import torch

_CPU_NUMBERS = 2**18  # 1 MB: with what an operation makes, about a core's level-2 cache
_GPU_NUMBERS = 2**28  # 1 GB: fewer, larger kernels are faster


def parts(count: int, numbers_each: int, device: torch.device, first: int = 0) -> Iterator[slice]:
    """Yield the samples ``first`` to ``count`` in parts that suit the device.

    Args:
        count: Past the last sample.
        numbers_each: How many float32 numbers each sample takes.
        device: Where they are.
        first: First sample.
    """
    most = _CPU_NUMBERS if device.type == "cpu" else _GPU_NUMBERS
    at_once = max(1, most // numbers_each)
    for begin in range(first, count, at_once):
        yield slice(begin, min(begin + at_once, count))
