"""The range of every activation, image by image: two numbers a tensor, never the tensor itself."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgessl.artifact.session import open_session

Ranges = Mapping[str, tuple[float, float]]
"""Tensor -> lowest and highest value that int8 must be able to say."""


@dataclass(frozen=True, slots=True)
class Extremes:
    """The lowest and highest value of every activation in each image.

    Attributes:
        names: The tensors, ``T`` of them, the network's input included.
        low: ``(N, T)`` for N images.
        high: ``(N, T)``.
    """

    names: tuple[str, ...]
    low: NDArray[np.float32]
    high: NDArray[np.float32]


def measure_extremes(prepared: Any, batches: Iterable[NDArray[np.float32]]) -> Extremes:
    """Run images one at a time, and keep the extremes of every activation.

    A histogram would need all activations of an image at once, 40 MB for a MobileNetV2 at 224 px;
    this needs a few kilobytes, for any number of images.

    Args:
        prepared: What ``prepare`` returned.
        batches: Normalised images, ``(B, 3, H, W)`` each; at least one image.
    """
    import onnx

    model = onnx.ModelProto()
    model.CopyFrom(prepared)
    names = _activations(model)
    watch(model, names)
    low, high = [], []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "watched.onnx"
        onnx.save(model, str(path))
        session = open_session(path)
        source = session.get_inputs()[0].name
        wanted = [output.name for output in session.get_outputs()][-2:]
        for batch in batches:
            for image in batch:
                lowest, highest = session.run(wanted, {source: image[None]})
                low.append(lowest)
                high.append(highest)
    return Extremes(names, np.stack(low), np.stack(high))


def watch(model: Any, names: tuple[str, ...]) -> None:
    """Add two outputs to a model, in place: the minimum and the maximum of some tensors.

    Args:
        model: An ``onnx.ModelProto``.
        names: Float tensors of it.
    """
    from onnx import TensorProto, helper

    for kind in ("ReduceMin", "ReduceMax"):
        results = [f"{kind}:{name}" for name in names]
        for name, result in zip(names, results, strict=True):
            model.graph.node.append(helper.make_node(kind, [name], [f"{result}:kept"], keepdims=0))
            model.graph.node.append(
                helper.make_node("Unsqueeze", [f"{result}:kept", "watch:axis"], [result])
            )
        model.graph.node.append(helper.make_node("Concat", results, [kind], axis=0))
        model.graph.output.append(
            helper.make_tensor_value_info(kind, TensorProto.FLOAT, [len(names)])
        )
    model.graph.initializer.append(helper.make_tensor("watch:axis", TensorProto.INT64, [1], [0]))


def _activations(model: Any) -> tuple[str, ...]:
    """Return the float tensors that are computed, and the input."""
    from onnx import TensorProto

    graph = model.graph
    stored = {tensor.name for tensor in graph.initializer}
    kinds = {
        value.name: value.type.tensor_type.elem_type
        for value in (*graph.input, *graph.value_info, *graph.output)
    }
    used = [graph.input[0].name, *(name for node in graph.node for name in node.output)]
    return tuple(
        name for name in used if kinds.get(name) == TensorProto.FLOAT and name not in stored
    )


def widest(extremes: Extremes) -> Ranges:
    """Return ranges that hold every value of every image ("min-max").

    Args:
        extremes: Of the calibration images.
    """
    return _ranges(extremes, extremes.low.min(axis=0), extremes.high.max(axis=0))


def typical(extremes: Extremes) -> Ranges:
    """Return ranges that hold all values of a typical image, and clip the outliers of others.

    The mean over images of the extremes of each one.

    Args:
        extremes: Of the calibration images.
    """
    return _ranges(extremes, extremes.low.mean(axis=0), extremes.high.mean(axis=0))


def _ranges(extremes: Extremes, low: Any, high: Any) -> Ranges:
    pairs = zip(low.tolist(), high.tolist(), strict=True)
    return dict(zip(extremes.names, pairs, strict=True))


RANGE_RULES: Mapping[str, Callable[[Extremes], Ranges]] = {"widest": widest, "typical": typical}
"""How the extremes of many images become one range; in the order they are tried."""
