"""What a file in ORT format costs, read from its flatbuffer: nothing else can open it."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import Any

from edgessl.errors import UserError

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
    return params, sum(_macs(node, shapes, path) for node in nodes), image[3]


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

    return InferenceSession.GetRootAsInferenceSession(content, 0).Model().Graph()


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


def _macs(node: Any, shapes: dict[str, list[int]], path: Path) -> int:
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
