"""int8 of a detector: what is computed with integers is chosen by AP50 on val."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgessl.artifact.session import open_session
from edgessl.dense.boxes.boxed import BoxSet
from edgessl.dense.detection.found import Suppression
from edgessl.dense.detection.score import ap50_of, find_all
from edgessl.dense.detection.suppressed_graph import decoding_nodes
from edgessl.dense.square import Square
from edgessl.export.int8.quantise import Activations, Scheme, prepare, quantise
from edgessl.export.int8.ranges import RANGE_RULES, measure_extremes

CALIBRATION = 64
"""Training images that ranges are measured on."""


@dataclass(frozen=True)
class Quantised:
    """The int8 graph that was chosen.

    Attributes:
        graph: An ``onnx.ModelProto`` with the output ``predictions``.
        history: What was tried and chosen, as plain values.
    """

    graph: Any
    history: dict[str, Any]


def quantise_detector(
    raw: Any,
    square: Square,
    rule: Suppression,
    boxes: BoxSet,
    *,
    calibration: NDArray[np.uint8],
    judging: NDArray[np.uint8],
    activations: Activations,
    say: Callable[[str], None],
) -> Quantised:
    """Quantise a detector in several ways, and keep the best on val.

    Decoding and softmax always stay in float. Tried are two rules for ranges, and the heads' last
    convolutions in float or not.

    Args:
        raw: The fp32 graph with the output ``predictions``.
        square: The evaluation transform.
        rule: Which boxes are told.
        boxes: The images; choices are made on ``val``.
        calibration: Training images, ``(N, 3, S, S)`` uint8.
        judging: The images of ``val``, ``(M, 3, S, S)`` uint8.
        activations: Integers that the target is fast with.
        say: Called with the name of each step.
    """
    prepared = prepare(raw, symbolic=False)
    decoding, last = decoding_nodes(prepared)
    say("measuring ranges on training images")
    extremes = measure_extremes(prepared, [square.normalise(calibration)])
    tried: list[tuple[float, dict[str, Any], Any]] = []
    for range_rule, last_float in itertools.product(RANGE_RULES, (True, False)):
        left = (*decoding, *(last if last_float else ()))
        scheme = Scheme(activations, True, "all", range_rule)
        graph = quantise(prepared, scheme, RANGE_RULES[range_rule](extremes), left)
        heads = "float" if last_float else "int8"
        name = f"{range_rule} ranges, last layers {heads}"
        say(f"int8, {name}")
        with opened(graph) as predict:
            found = find_all(judging, lambda pixels: predict(square.normalise(pixels)), rule)
        ap50 = ap50_of(found, boxes.val, boxes.classes)
        tried.append((ap50, {"scheme": name, "val_ap50": round(ap50, 3)}, graph))
    # The first of equals: last layers in float.
    best = max(range(len(tried)), key=lambda i: (tried[i][0], -i))
    return Quantised(tried[best][2], {
        "scheme": tried[best][1]["scheme"], "activations": activations,
        "calibration_images": len(calibration), "tried": [one[1] for one in tried],
    })  # fmt: skip


@contextmanager
def opened(graph: Any) -> Iterator[Callable[[NDArray[np.float32]], NDArray[np.float32]]]:
    """Give a graph as a function of normalised images, for as long as a block runs.

    Args:
        graph: An ``onnx.ModelProto`` of one input and one output.
    """
    import onnx

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        onnx.save(graph, str(path))
        session = open_session(path)
        name = session.get_inputs()[0].name

        def run(images: NDArray[np.float32]) -> NDArray[np.float32]:
            output: NDArray[np.float32] = session.run(None, {name: images})[0]
            return output

        yield run
