"""ORT format: an ONNX graph already optimised, for small builds of onnxruntime on phones."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from edgessl.export.formats.quiet import quiet


def save_ort(model: Any, path: Path) -> None:
    """Convert a model as onnxruntime's ``convert_onnx_models_to_ort`` does for arm64.

    Without the NCHWc layout, which only x86 has: the file runs on every processor, but on x86 it
    is slower than the ONNX file.

    Args:
        model: An ``onnx.ModelProto``, metadata included.
        path: Where to write it, ending in ``.ort``.
    """
    import onnx
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.add_session_config_entry("session.save_model_format", "ORT")
    options.optimized_model_filepath = str(path)
    with quiet(), tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "model.onnx"
        onnx.save(model, str(source))
        onnxruntime.InferenceSession(
            str(source), options, providers=["CPUExecutionProvider"],
            disabled_optimizers=["NchwcTransformer"],
        )
