"""The suppression of doubles as part of an ONNX graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgessl.dense.detection.found import Found, Suppression

RAW, FULL = "predictions", "detections"
"""Outputs: every default box with its scores, ``(batch, A, 4 + K)``; or what is told,
``(found, 7)``: image, left, top, right, bottom as shares, score, class, the surest first."""
ROWS = "found"
COLUMNS = 7


def with_suppression(raw: Any, classes: int, rule: Suppression) -> Any:
    """Return a graph that tells the boxes that ``suppress`` keeps.

    Args:
        raw: An ``onnx.ModelProto`` with the output ``predictions``; unchanged.
        classes: Number of classes ``K``.
        rule: Which boxes are told.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    model = onnx.ModelProto()
    model.CopyFrom(raw)
    graph = model.graph

    def constant(name: str, values: Any, kind: Any) -> str:
        graph.initializer.append(numpy_helper.from_array(np.asarray(values, kind), f"nms_{name}"))
        return f"nms_{name}"

    def node(kind: str, inputs: list[str], name: str, **attributes: Any) -> str:
        graph.node.append(
            helper.make_node(kind, inputs, [f"nms_{name}"], name=f"nms_{name}", **attributes)
        )
        return f"nms_{name}"

    ints, floats = np.int64, np.float32
    last = constant("last_axis", [2], ints)
    four = constant("four", [4], ints)
    boxes = node("Slice", [RAW, constant("zero", [0], ints), four, last], "boxes")
    end = constant("end", [4 + classes], ints)
    by_box = node("Slice", [RAW, four, end, last], "scores_by_box")
    scores = node("Transpose", [by_box], "scores", perm=[0, 2, 1])
    chosen = node(
        "NonMaxSuppression",
        [boxes, scores, constant("most", [rule.max_boxes], ints),
         constant("iou", [rule.nms_iou], floats), constant("least", [rule.min_score], floats)],
        "chosen",
    )  # (found, 3): image, class, box  # fmt: skip
    unsorted = node("GatherND", [scores, chosen], "unsorted")
    count = node("Shape", [unsorted], "count")
    graph.node.append(
        helper.make_node("TopK", [unsorted, count], ["nms_score", "nms_order"], name="nms_sort")
    )
    picked = node("Gather", [chosen, "nms_order"], "picked", axis=0)
    place = node("Gather", [picked, constant("image_box", [0, 2], ints)], "place", axis=1)
    corners = node("GatherND", [boxes, place], "corners")
    columns = [
        node("Cast", [node("Gather", [picked, constant(f"column_{i}", [i], ints)], name, axis=1)],
             f"{name}_float", to=TensorProto.FLOAT)
        for i, name in ((0, "image"), (1, "class"))
    ]  # fmt: skip
    score = node("Unsqueeze", ["nms_score", constant("one", [1], ints)], "score_column")
    graph.node.append(
        helper.make_node(
            "Concat", [columns[0], corners, score, columns[1]], [FULL], name="nms_rows", axis=1
        )
    )
    del graph.output[:]
    graph.output.append(
        helper.make_tensor_value_info(FULL, TensorProto.FLOAT, [ROWS, COLUMNS])
    )
    return model


def joined(rows: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Put the rows of single images, ``(found, 7)`` each, together as those of a batch."""
    numbered = []
    for place, one in enumerate(rows):
        one = one.copy()
        one[:, 0] = place
        numbered.append(one)
    return np.concatenate(numbered)


def found_of(rows: Any, images: int) -> list[Found]:
    """Sort the rows of a file with the suppression inside by image.

    Args:
        rows: ``(found, 7)``.
        images: Images in the batch.
    """
    places = rows[:, 0].astype(np.int64)
    parts = [rows[places == image] for image in range(images)]
    return [
        Found(part[:, 1:5].astype(np.float32), part[:, 5].astype(np.float32),
              part[:, 6].astype(np.int64))
        for part in parts
    ]  # fmt: skip
