"""Parameters and MACs of an exported file, counted in it."""

from __future__ import annotations

from collections.abc import Iterator
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
    model = _read(path)
    try:
        return _count(model, path, image_px)
    except (UserError, MemoryError):
        raise
    except Exception as error:  # a well-formed file may say anything; onnx has errors of its own
        raise _not_counted(path, error) from error


def _not_counted(path: Path, error: Exception) -> UserError:
    reason = " ".join(str(error).split())[:160] or type(error).__name__
    return UserError(
        f"{path}: must be an image network that can be counted, got: {reason}; "
        "pass what `edgessl export` wrote"
    )


def _count(model: Any, path: Path, image_px: int | None) -> tuple[int, int, int]:
    import onnx

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
    except MemoryError:
        raise
    except Exception as error:  # protobuf's own, or onnx's where weights lie in other files
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


_CONVOLUTIONS = ("Conv", "FusedConv")
_PRODUCTS = ("Gemm", "FusedGemm", "MatMul", "FusedMatMul")
_UNKNOWN = ("Attention", "MultiHeadAttention", "QLinearConv", "ConvTranspose")
_FLOAT = 1  # TensorDataType of the flatbuffer, as ONNX numbers it


def ort_cost(path: Path) -> tuple[int, int, int]:
    """Count parameters and multiply-accumulates of one image.

    Args:
        path: A file in ORT format with one input ``(B, 3, S, S)``.

    Returns:
        Floating-point weights, multiply-accumulates, and the side of the image.

    Raises:
        UserError: It is no such file, or onnxruntime fused what cannot be counted any more.
    """
    graph = _graph(path)
    try:
        return _count_ort(graph, path)
    except (UserError, MemoryError):
        raise
    except Exception as error:  # flatbuffers follows whatever offsets a file has
        raise _not_counted(path, error) from error


def _count_ort(graph: Any, path: Path) -> tuple[int, int, int]:
    weights = {
        _text(tensor.Name()): ([tensor.Dims(i) for i in range(tensor.DimsLength())], tensor)
        for tensor in (graph.Initializers(i) for i in range(graph.InitializersLength()))
    }
    params = sum(
        prod(dims) for dims, tensor in weights.values() if dims and tensor.DataType() == _FLOAT
    )
    shapes = dict(_shapes(graph))
    shapes |= {name: dims for name, (dims, _) in weights.items()}
    image = shapes.get(_text(graph.Inputs(0)), [])
    if len(image) != 4 or not image[3]:
        raise UserError(f"{path}: must have one input (B, 3, S, S), got another; pass model.onnx")
    nodes = (graph.Nodes(i) for i in range(graph.NodesLength()))
    return params, sum(_ort_macs(node, shapes, path) for node in nodes), image[3]


def _graph(path: Path) -> Any:
    if not path.is_file():
        raise UserError(f"{path}: must be a file in ORT format, found none; check the path")
    content = path.read_bytes()
    if content[4:8] != b"ORTM":
        raise UserError(
            f"{path}: must be a file in ORT format, got something else; "
            "pass what `edgessl export --ort` wrote"
        )
    from onnxruntime.tools.ort_format_model.ort_flatbuffers_py.fbs.InferenceSession import (
        InferenceSession,
    )

    try:
        return InferenceSession.GetRootAsInferenceSession(content, 0).Model().Graph()
    except MemoryError:
        raise
    except Exception as error:
        raise _not_counted(path, error) from error


def _shapes(graph: Any) -> Iterator[tuple[str, list[int]]]:
    """Walk the shapes that the file records; a symbolic dimension is 0."""
    from onnxruntime.tools.ort_format_model.ort_flatbuffers_py.fbs.TensorTypeAndShape import (
        TensorTypeAndShape,
    )

    for number in range(graph.NodeArgsLength()):
        value = graph.NodeArgs(number)
        info = value.Type()
        if info is None or info.Value() is None:
            continue
        tensor = TensorTypeAndShape()
        tensor.Init(info.Value().Bytes, info.Value().Pos)
        shape = tensor.Shape()
        if shape is not None:
            dims = (shape.Dim(i).Value() for i in range(shape.DimLength()))
            yield _text(value.Name()), [int(dim.DimValue()) if dim else 0 for dim in dims]


def _ort_macs(node: Any, shapes: dict[str, list[int]], path: Path) -> int:
    kind = _text(node.OpType())
    if kind in _UNKNOWN:
        raise UserError(f"{path}: holds '{kind}', which cannot be counted; profile model.onnx")
    if kind not in (*_CONVOLUTIONS, *_PRODUCTS):
        return 0
    names = [_text(node.Inputs(i)) for i in range(node.InputsLength())]
    left, right = shapes.get(names[0], []), shapes.get(names[1], [])
    out = shapes.get(_text(node.Outputs(0)), [])
    if not left or not right or not out or 0 in (*out[1:], *right[1:]):
        raise UserError(f"{path}: records no shape of its {kind}; profile model.onnx")
    one_image = prod(out[1:])  # the batch is symbolic
    return one_image * (prod(right[1:]) if kind in _CONVOLUTIONS else left[-1])


def _text(value: bytes) -> str:
    return value.decode()
