"""What a graph must look like before it is quantised: folded, with the shape of every tensor."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from edgessl.export.formats.quiet import quiet


def prepare(model: Any) -> Any:
    """Fold constants and infer every shape; tensors without a shape would stay in float.

    Args:
        model: The fp32 ``onnx.ModelProto``; unchanged.

    Returns:
        A model of the same function, with names for all nodes.
    """
    import onnx
    from onnxruntime.quantization.shape_inference import quant_pre_process

    with quiet(), tempfile.TemporaryDirectory() as folder:
        before, after = Path(folder) / "before.onnx", Path(folder) / "after.onnx"
        onnx.save(model, str(before))
        quant_pre_process(str(before), str(after))
        prepared = onnx.load(str(after))
    used = {node.domain for node in prepared.graph.node}
    kept = [entry for entry in prepared.opset_import if entry.domain in used]
    del prepared.opset_import[:]
    prepared.opset_import.extend(kept)
    taken: set[str] = set()
    for number, node in enumerate(prepared.graph.node):
        if not node.name or node.name in taken:
            node.name = f"node_{number}"
        taken.add(node.name)
    return prepared

