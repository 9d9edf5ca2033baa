"""What the preprocessing of a file hands to its network: a look inside the written file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgessl.export.formats.graph import INPUT

Inside = Callable[[NDArray[np.uint8]], NDArray[np.float32]]


def open_inside(path: Path) -> Inside | None:
    """Open the part of a file that ends where its network begins.

    Args:
        path: An ONNX file that takes pixels.

    Returns:
        Pixels ``(B, H, W, 3)`` to what the network gets, ``(B, 3, S, S)``; None where the file has
        no tensor ``images``.
    """
    import onnx
    import onnxruntime

    model = onnx.load(str(path))
    if INPUT not in {name for node in model.graph.node for name in node.output}:
        return None
    _cut(model.graph)
    model.graph.output.append(
        onnx.helper.make_tensor_value_info(INPUT, onnx.TensorProto.FLOAT, ["batch", 3, None, None])
    )
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session: Any = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    name = session.get_inputs()[0].name

    def run(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        images: NDArray[np.float32] = session.run(None, {name: pixels})[0]
        return images

    return run


def _cut(graph: Any) -> None:
    """Keep only what the tensor ``images`` is computed from, in place."""
    needed, kept = {INPUT}, []
    for node in reversed(graph.node):
        if needed & set(node.output):
            needed |= set(node.input)
            kept.append(node)
    weights = [tensor for tensor in graph.initializer if tensor.name in needed]
    for field, values in (("node", reversed(kept)), ("initializer", weights), ("output", ())):
        copies = [type(value).FromString(value.SerializeToString()) for value in values]
        graph.ClearField(field)
        getattr(graph, field).extend(copies)
