"""int8 of a dense network: what is computed with integers is chosen by its figure on val."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgessl.dense.answers import Run
from edgessl.dense.graph import behind_the_last_convolutions, opened
from edgessl.dense.square import Square
from edgessl.export.int8.quantise import Activations, Scheme, prepare, quantise
from edgessl.export.int8.ranges import RANGE_RULES, measure_extremes

CALIBRATION = 64
"""Training images that ranges are measured on."""


@dataclass(frozen=True)
class Quantised:
    """The int8 graph that was chosen.

    Attributes:
        graph: An ``onnx.ModelProto`` with the raw output.
        history: What was tried and chosen, as plain values.
    """

    graph: Any
    history: dict[str, Any]


def quantise_dense(
    raw: Any,
    head: str,
    square: Square,
    *,
    calibration: NDArray[np.uint8],
    figure: str,
    on_val: Callable[[Run], float],
    activations: Activations,
    say: Callable[[str], None],
) -> Quantised:
    """Quantise a network in several ways, and keep the best on val.

    What lies behind the heads' last convolutions stays in float. Tried are two rules for ranges,
    and these convolutions in float or not.

    Args:
        raw: The fp32 graph.
        head: Its output.
        square: The evaluation transform.
        calibration: Training images, ``(N, 3, S, S)`` uint8.
        figure: What is compared, as a key.
        on_val: A network to that figure on val, in percent.
        activations: Integers that the target is fast with.
        say: Called with the name of each step.
    """
    prepared = prepare(raw, symbolic=False)
    behind, last = behind_the_last_convolutions(prepared, head)
    say("measuring ranges on training images")
    extremes = measure_extremes(prepared, [square.normalise(calibration)])
    tried: list[tuple[float, dict[str, Any], Any]] = []
    for range_rule, last_float in itertools.product(RANGE_RULES, (True, False)):
        left = (*behind, *(last if last_float else ()))
        scheme = Scheme(activations, True, "all", range_rule)
        graph = quantise(prepared, scheme, RANGE_RULES[range_rule](extremes), left)
        heads = "float" if last_float else "int8"
        name = f"{range_rule} ranges, last layers {heads}"
        say(f"int8, {name}")
        with opened(graph) as run:
            value = on_val(run)
        tried.append((value, {"scheme": name, f"val_{figure}": round(value, 3)}, graph))
    # The first of equals: last layers in float.
    best = max(range(len(tried)), key=lambda i: (tried[i][0], -i))
    return Quantised(tried[best][2], {
        "scheme": tried[best][1]["scheme"], "activations": activations,
        "calibration_images": len(calibration), "tried": [one[1] for one in tried],
    })  # fmt: skip
