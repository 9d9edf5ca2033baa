"""Compares models that took turns with the first of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from edgessl.bench.compare.noise import Noise
from edgessl.bench.compare.ratio import ratio_of_turns


def compare_with_first(models: Sequence[Mapping[str, Any]], noise: Noise) -> list[dict[str, Any]]:
    """Compare every model but the first with the first.

    Args:
        models: Entries of one number of threads and batch, measured in turns.
        noise: Of that measurement; what its control is off by widens every interval.

    Returns:
        For each its ``ratio low high verdict``, the two files, and ``comparable``: whether the
        machine was quiet enough.
    """
    first = models[0]
    control = 1.0 if noise.control is None else noise.control.ratio
    return [
        {
            "threads": one["threads"], "batch": one["batch"], "path": one["path"],
            "name": one["name"], "base": first["name"], "base_path": first["path"],
            **ratio_of_turns(one["samples_ms"], first["samples_ms"]).widened(control).to_dict(),
            "comparable": noise.grade != "C",
        }
        for one in models[1:]
    ]  # fmt: skip
