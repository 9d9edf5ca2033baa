"""What an ONNX graph costs: parameters from its weights, multiply-accumulates from its shapes."""

from __future__ import annotations

from math import prod
from pathlib import Path
from typing import Any

from edgessl.errors import UserError
from edgessl.export.formats.front import take_front_off


def graph_cost(path: Path, image_px: int | None = None) -> tuple[int, int, int]:
    """Count parameters and multiply-accumulates of one image.

    Of a file with preprocessing inside, the network alone is counted; of an int8 file, its
    integer weights as they are.

    Args:
        path: An ONNX file with one image input.
        image_px: Side of the image; None for the one the file is fixed to.

    Returns:
        Weights, multiply-accumulates, and the side of the image.

    Raises:
        UserError: The file is no ONNX model, takes another size, or has no size of its own.
    """
    import onnx

    model = _read(path)
    graph = model.graph
    take_front_off(graph)
    weights = {tensor.name: list(tensor.dims) for tensor in graph.initializer}
    params = _params(graph)
    side = _fix_input(graph, path, set(weights), image_px)
    del graph.value_info[:]
    inferred = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
    shapes = dict(weights)
    for value in (*inferred.value_info, *inferred.input, *inferred.output):
        shapes[value.name] = [dim.dim_value for dim in value.type.tensor_type.shape.dim]
    return params, sum(_macs(node, shapes, path) for node in graph.node), side


def _params(graph: Any) -> int:
    """Count floating-point weights and those stored as integers, without their scales."""
    from onnx import TensorProto

    floats = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE)
    kinds = ("QuantizeLinear", "DequantizeLinear")
    between = [node for node in graph.node if node.op_type in kinds]
    scales = {name for node in between for name in node.input[1:]}
    stored = {node.input[0] for node in between} - scales
    return sum(
        prod(tensor.dims)
        for tensor in graph.initializer
        if tensor.dims
        and tensor.name not in scales
        and (tensor.data_type in floats or tensor.name in stored)
    )


def _read(path: Path) -> Any:
    import onnx

    if not path.is_file():
        raise UserError(f"{path}: must be an ONNX file, found none; check the path")
    wrong = f"{path}: must be an ONNX file, got something else; pass what `edgessl export` wrote"
    try:
        model = onnx.load(str(path))
    except Exception as error:  # protobuf's own, which derives from Exception directly
        if type(error).__name__ != "DecodeError":
            raise
        raise UserError(wrong) from error
    if not model.graph.node:
        raise UserError(wrong)
    return model


def _fix_input(graph: Any, path: Path, weights: set[str], image_px: int | None) -> int:
    """Set the input to one image of the wanted size, and forget the output's old shape."""
    inputs = [value for value in graph.input if value.name not in weights]
    dims = inputs[0].type.tensor_type.shape.dim if inputs else []
    if len(inputs) != 1 or len(dims) != 4:
        raise UserError(f"{path}: must have one input (B, 3, H, W), got another; pass an image CNN")
    own = dims[2].dim_value
    if image_px is None and not own:
        raise UserError(f"{path}: takes images of any size; pass --size")
    if image_px is not None and own and own != image_px:
        raise UserError(f"--size: must be {own}, which {path} is fixed to, got {image_px}")
    side = image_px or own
    dims[0].dim_value = 1
    dims[2].dim_value = dims[3].dim_value = side
    for value in graph.output:
        value.type.tensor_type.ClearField("shape")
    return int(side)


def _macs(node: Any, shapes: dict[str, list[int]], path: Path) -> int:
    if node.op_type not in ("Conv", "Gemm", "MatMul"):
        return 0
    left, right, out = (shapes.get(name) for name in (*node.input[:2], node.output[0]))
    if left is None or right is None or not out or 0 in out:
        raise UserError(
            f"{path}: the shapes of {node.op_type} '{node.name}' cannot be inferred; "
            "export it again for one image size"
        )
    if node.op_type == "Conv":  # weight: (out, in / groups, kh, kw)
        return prod(out) * prod(right[1:])
    if node.op_type == "Gemm":
        transposed = any(entry.name == "transA" and entry.i for entry in node.attribute)
        return prod(out) * left[0 if transposed else 1]
    return prod(out) * left[-1]
