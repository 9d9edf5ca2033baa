"""A tiny ONNX model, and a device that is measured in no time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from edgessl.artifact import Metadata

PREPROCESS = {
    "resize_px": 8, "crop_px": 8, "interpolation": "bilinear", "mean": [0.5, 0.5, 0.5],
    "std": [0.5, 0.5, 0.5],
}  # fmt: skip
KNOWN = Metadata(
    head="logits", classes=("a", "b", "c", "d"), preprocess=PREPROCESS, input_px=8,
    provenance={},
    gates=({"name": "accuracy", "status": "pass", "finding": "",
            "numbers": {"top1": {"value": 75.0, "low": 60.0, "high": 85.0, "n": 40}}},),
)  # fmt: skip
"""What a file of an export says about itself, its accuracy included."""


def write_model(
    path: Path, batch: int | str = "batch", side: int | str = 8, repeats: int = 1,
    metadata: Metadata | None = None,
) -> Path:  # fmt: skip
    """Write 3x3 convolutions, the first from 3 to 4 channels, pooled to ``(batch, 4)``."""
    weight = numpy_helper.from_array(np.ones((4, 3, 3, 3), np.float32), "weight")
    again = numpy_helper.from_array(np.ones((4, 4, 3, 3), np.float32), "again")
    more = [
        helper.make_node("Conv", [f"maps{i}", "again"], [f"maps{i + 1}"], pads=[1, 1, 1, 1])
        for i in range(repeats - 1)
    ]
    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["images", "weight"], ["maps0"], pads=[1, 1, 1, 1]),
            *more,
            helper.make_node("GlobalAveragePool", [f"maps{repeats - 1}"], ["pooled"]),
            helper.make_node("Flatten", ["pooled"], ["logits"]),
        ],
        "tiny",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, [batch, 3, side, side])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [batch, 4])],
        [weight, again] if more else [weight],
    )
    opset = [helper.make_opsetid("", 17)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=8)
    if metadata is not None:
        helper.set_model_props(model, {"edgessl": metadata.to_json()})
    onnx.save(model, str(path))
    return path


def write_device(path: Path, provider: str = "CPUExecutionProvider", runs: int = 100,
                 launches: int = 1) -> Path:  # fmt: skip
    """Write a device that takes ``runs`` runs in turns of five, and no minimum time."""
    path.write_text(
        f'provider = "{provider}"\nthreads = 1\nmin_runs = {runs}\nmin_seconds = 0\n'
        f"max_seconds = 20\nturn_ms = 0\nlaunches = {launches}\n"
    )
    return path
