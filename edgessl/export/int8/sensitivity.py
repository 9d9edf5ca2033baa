"""Which nodes lose most when they alone compute with integers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgessl.export.int8.judge import open_model
from edgessl.export.int8.quantise import quantise
from edgessl.export.int8.ranges import Ranges
from edgessl.export.int8.scheme import Scheme, float_products, products


def rank_by_error(
    prepared: Any, scheme: Scheme, ranges: Ranges, images: NDArray[np.float32],
    more_time: Callable[[], bool],
) -> tuple[tuple[str, float], ...]:
    """Quantise one product at a time, and measure how far the outputs move.

    Args:
        prepared: What ``prepare`` returned.
        scheme: Its products that are not left in float yet are ranked.
        ranges: The range of every activation.
        images: Normalised calibration images, ``(B, 3, H, W)``.
        more_time: Whether the budget allows another node. Nodes with the widest spread of weights
            over their channels come first, for they are the likeliest.

    Returns:
        Names and mean squared errors of the outputs, the worst first; of nodes measured in time.
    """
    expected = open_model(prepared)(images)
    left = set(float_products(prepared, scheme))
    nodes = [node for node in products(prepared) if node.name not in left]
    spread = _spreads(prepared)
    nodes.sort(key=lambda node: -spread[node.input[1]])
    found = []
    for node in nodes:
        if not more_time():
            break
        alone = quantise(prepared, scheme, ranges, only=node.name)
        error = float(((open_model(alone)(images) - expected) ** 2).mean())
        found.append((node.name, error))
    return tuple(sorted(found, key=lambda pair: -pair[1]))


def _spreads(prepared: Any) -> dict[str, float]:
    """Return, for each stored weight, its largest channel over the median one."""
    from onnx import numpy_helper

    wanted = {node.input[1] for node in products(prepared)}
    spreads = {}
    for tensor in prepared.graph.initializer:
        if tensor.name in wanted:
            weight = np.abs(numpy_helper.to_array(tensor))
            channels = weight.reshape(len(weight), -1).max(axis=1)
            spreads[tensor.name] = float(channels.max() / max(float(np.median(channels)), 1e-12))
    return spreads
