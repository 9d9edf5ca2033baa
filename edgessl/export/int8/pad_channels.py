"""A fourth, empty channel for the images, because integer kernels take four bytes at a time."""

from __future__ import annotations

from typing import Any

import numpy as np

MULTIPLE = 4
"""Input channels that onnxruntime's fast integer convolution needs a multiple of. With three it
copies every patch byte by byte: a quarter of a MobileNetV4-conv-small's time."""


def padded_name(name: str) -> str:
    """Return the name that a tensor has after padding."""
    return f"{name}_padded"


def pad_channels(model: Any, name: str) -> str | None:
    """Give a convolution of three input channels a fourth one of zeros, in place.

    Args:
        model: An fp32 ``onnx.ModelProto`` with shapes of all tensors.
        name: Name of the convolution.

    Returns:
        Name of the new tensor, which has the range of the convolution's input; None where the
        convolution has enough channels, or groups of them.
    """
    from onnx import TensorProto, helper, numpy_helper

    graph = model.graph
    place, conv = next((i, node) for i, node in enumerate(graph.node) if node.name == name)
    stored = {tensor.name: tensor for tensor in graph.initializer}
    weight = numpy_helper.to_array(stored[conv.input[1]])  # (O, 3, kh, kw)
    groups = next((entry.i for entry in conv.attribute if entry.name == "group"), 1)
    missing = -weight.shape[1] % MULTIPLE
    if not missing or groups != 1 or weight.ndim != 4:
        return None
    source, padded = conv.input[0], padded_name(conv.input[0])
    new_weight = np.pad(weight, ((0, 0), (0, missing), (0, 0), (0, 0)))
    graph.initializer.append(numpy_helper.from_array(new_weight, f"{conv.input[1]}_padded"))
    pads = np.array([0, 0, 0, 0, 0, missing, 0, 0], np.int64)
    graph.initializer.append(numpy_helper.from_array(pads, f"{padded}_by"))
    pad = helper.make_node("Pad", [source, f"{padded}_by"], [padded], name=f"{padded}_pad")
    shape = ["batch", weight.shape[1] + missing, None, None]
    graph.value_info.append(helper.make_tensor_value_info(padded, TensorProto.FLOAT, shape))
    graph.initializer.remove(stored[conv.input[1]])
    conv.input[0], conv.input[1] = padded, f"{conv.input[1]}_padded"
    graph.node.insert(place, pad)
    return padded
