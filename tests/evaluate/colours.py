"""Images of three colours, and networks that a reader can work out in the head."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from PIL import Image

from edgessl import checkpoint
from edgessl.artifact.metadata import KEY, Metadata
from edgessl.backbones import Backbone, Classifier, deployable_payload
from edgessl.data.preprocess import Preprocess

COLOURS = {"blue": (40, 60, 200), "green": (40, 200, 60), "red": (200, 60, 40)}
PREPROCESS = Preprocess(36, 32)


def write_images(folder: Path, count: int, draw: np.random.Generator) -> Path:
    """Write class folders of noise around each colour.

    Args:
        folder: Where to.
        count: Images of each class.
        draw: Of the noise.
    """
    for name, colour in COLOURS.items():
        (folder / name).mkdir(parents=True)
        for index in range(count):
            noise = draw.integers(-40, 40, (40, 48, 3))
            pixels = (np.array(colour) + noise).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{index}.png")
    return folder


def write_classifier(folder: Path, classes: tuple[str, ...] = tuple(COLOURS)) -> Path:
    torch.manual_seed(0)
    module = Classifier(Backbone("mobilenetv2"), len(classes)).eval()
    path = folder / "ckpt.pt"
    payload = deployable_payload(
        module, classes=classes, preprocess=PREPROCESS.to_dict(), provenance={}
    )
    checkpoint.save(path, payload)
    return path


def write_backbone(folder: Path) -> Path:
    path = folder / "backbone.pt"
    payload = deployable_payload(
        Backbone("mobilenetv2"), classes=(), preprocess=PREPROCESS.to_dict(), provenance={}
    )
    checkpoint.save(path, payload)
    return path


def write_onnx(
    folder: Path, head: str, classes: tuple[str, ...], provenance: Mapping[str, Any] | None = None
) -> Path:
    """A network to work out by hand: mean blue, green, red of the image, in this order."""
    nodes = [
        onnx.helper.make_node("ReduceMean", ["images", "axes"], ["rgb"], keepdims=0),
        onnx.helper.make_node("Gather", ["rgb", "order"], [head], axis=1),
    ]
    constants = [
        onnx.numpy_helper.from_array(np.array([2, 3], dtype=np.int64), "axes"),
        onnx.numpy_helper.from_array(np.array([2, 1, 0], dtype=np.int64), "order"),
    ]
    kind = onnx.TensorProto.FLOAT
    graph = onnx.helper.make_graph(
        nodes,
        "mean_colour",
        [onnx.helper.make_tensor_value_info("images", kind, ["B", 3, 32, 32])],
        [onnx.helper.make_tensor_value_info(head, kind, ["B", 3])],
        constants,
    )
    opset = onnx.helper.make_opsetid("", 18)
    model = onnx.helper.make_model(graph, opset_imports=[opset], ir_version=10)
    metadata = Metadata(head, classes, PREPROCESS.to_dict(), 32, dict(provenance or {}))
    onnx.helper.set_model_props(model, {KEY: metadata.to_json()})
    path = folder / f"{head}.onnx"
    onnx.save(model, str(path))
    return path
