"""Faults that people really ship, put into a healthy file by editing its graph or its metadata."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper
from small_network import CLASSES

from edgessl.artifact import Metadata
from edgessl.artifact.metadata import KEY
from edgessl.export.product import Product

Fault = Callable[[Any], None]


def faulty(product: Product, fault: Fault, name: str) -> Product:
    """Write a product as it is, then put a fault into the file."""

    def write(path: Path, metadata: Metadata) -> None:
        product.write(path, metadata)
        model = onnx.load(str(path))
        fault(model)
        onnx.save(model, str(path))

    return replace(product, name=name, write=write)


def initializer(model: Any, name: str) -> Any:
    return next(tensor for tensor in model.graph.initializer if tensor.name == name)


def set_values(model: Any, name: str, values: Any) -> None:
    tensor = initializer(model, name)
    old = numpy_helper.to_array(tensor)
    tensor.CopyFrom(numpy_helper.from_array(np.broadcast_to(values, old.shape).astype(old.dtype),
                                            name))


def node(model: Any, kind: str) -> Any:
    return next(node for node in model.graph.node if node.op_type == kind)


def wrong_normalisation(model: Any) -> None:
    """(x - 0.5) / 0.5, as other networks want it."""
    set_values(model, "preprocess_mean", 0.5)
    set_values(model, "preprocess_std", 0.5)


def no_normalisation(model: Any) -> None:
    """Values from 0 to 255."""
    set_values(model, "preprocess_levels", 1.0)
    set_values(model, "preprocess_mean", 0.0)
    set_values(model, "preprocess_std", 1.0)


def blue_first(model: Any) -> None:
    """BGR, as OpenCV reads images."""
    planes = node(model, "Transpose")
    swapped = planes.output[0]
    planes.output[0] = "planes_rgb"
    model.graph.initializer.append(numpy_helper.from_array(np.array([2, 1, 0]), "bgr"))
    gather = helper.make_node("Gather", ["planes_rgb", "bgr"], [swapped], "swap", axis=1)
    place = list(model.graph.node).index(planes)
    model.graph.node.insert(place + 1, gather)


def blue_first_in_the_network(model: Any) -> None:
    """The first convolution's weights for BGR."""
    kernel = next(tensor for tensor in model.graph.initializer if list(tensor.dims)[1:2] == [3])
    weights = numpy_helper.to_array(kernel)
    kernel.CopyFrom(numpy_helper.from_array(weights[:, ::-1].copy(), kernel.name))


def nearest_resize(model: Any) -> None:
    """The nearest pixel alone counts: heights of the kernel are rounded to 0 and 1."""
    without_antialias(model)
    for axis in ("row", "column"):
        heights = f"preprocess_{axis}_weights_kernel"
        for other in model.graph.node:
            other.input[:] = ["whole_" + heights if one == heights else one for one in other.input]
        place = next(i for i, one in enumerate(model.graph.node) if one.output[0] == heights)
        rounded = helper.make_node("Round", [heights], ["whole_" + heights])
        model.graph.node.insert(place + 1, rounded)


def without_antialias(model: Any) -> None:
    """Bilinear as OpenCV and many runtimes do it: a kernel as wide as two pixels of the image."""
    for axis in ("row", "column"):
        unit = f"preprocess_{axis}_weights_unit"
        add = next(one for one in model.graph.node if one.output[0] == unit)
        add.input[:] = [f"preprocess_{axis}_resized"] * 2


def crop_off_centre(model: Any) -> None:
    """The upper left corner instead of the centre."""
    add = next(node for node in model.graph.node if node.output[0] == "preprocess_start")
    add.op_type = "Mul"
    add.input[:] = [add.input[0], "zero"]
    model.graph.initializer.append(numpy_helper.from_array(np.array([0]), "zero"))


def baked_batch(model: Any) -> None:
    """A batch size that became a constant inside, behind a dynamic input."""
    output = model.graph.output[0].name
    last = next(node for node in model.graph.node if output in node.output)
    last.output[0] = "any_batch"
    shape = np.array([2, len(CLASSES)])
    model.graph.initializer.append(numpy_helper.from_array(shape, "two_rows"))
    bake = helper.make_node("Reshape", ["any_batch", "two_rows"], [output], "bake")
    model.graph.node.append(bake)


def fixed_input(model: Any) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 2


def other_opset(model: Any) -> None:
    model.opset_import[0].version = 18


def edited(what: str, change: Callable[[dict[str, Any]], None]) -> Fault:
    """Change the metadata of a file."""

    def fault(model: Any) -> None:
        values = json.loads(next(p.value for p in model.metadata_props if p.key == KEY))
        change(values)
        helper.set_model_props(model, {KEY: json.dumps(values)})

    fault.__name__ = f"other_{what}"
    return fault


shuffled_labels = edited("labels", lambda values: values["classes"].reverse())
other_mean = edited("mean", lambda values: values["preprocess"].update(mean=[0.5, 0.5, 0.5]))


def shuffled_outputs(model: Any) -> None:
    """The same numbers, each in another class's place; the labels say nothing of it."""
    output = model.graph.output[0].name
    last = next(node for node in model.graph.node if output in node.output)
    last.output[0] = "in_order"
    model.graph.initializer.append(numpy_helper.from_array(np.array([1, 2, 0]), "other_order"))
    model.graph.node.append(
        helper.make_node("Gather", ["in_order", "other_order"], [output], "shuffle", axis=1)
    )


def lost_metadata(model: Any) -> None:
    del model.metadata_props[:]
