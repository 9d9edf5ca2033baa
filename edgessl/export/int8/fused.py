"""Whether onnxruntime computes with integers, or keeps floats between pairs of conversions."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgessl.export.formats.quiet import quiet

_INTEGER_CONV = {"QLinearConv": 3, "ConvInteger": 1}
_INTEGER_MATMUL = {
    "QGemm": 3, "QLinearMatMul": 3, "MatMulInteger": 1, "MatMulIntegerToFloat": 1,
    "DynamicQuantizeMatMul": 1,
}
_FLOAT_CONV = {"Conv": 1, "FusedConv": 1}
_FLOAT_MATMUL = {"Gemm": 1, "FusedGemm": 1, "MatMul": 1, "FusedMatMul": 1}
"""Operator -> which of its inputs the weight is."""


@dataclass(frozen=True, slots=True)
class Fused:
    """How the products of a graph are computed after onnxruntime's optimisation.

    Those of two activations, as in attention, are not counted.

    Attributes:
        integer_convs: Convolutions with integers.
        float_convs: Convolutions with floats.
        integer_matmuls: Matrix products with integers.
        float_matmuls: Matrix products with floats.
        conversions: QuantizeLinear and DequantizeLinear that are left.
    """

    integer_convs: int
    float_convs: int
    integer_matmuls: int
    float_matmuls: int
    conversions: int


def count_fused(path: Path, *, signed: bool) -> Fused:
    """Optimise a file as a session would, and count what became of its products.

    Args:
        path: An int8 ONNX file in QDQ form.
        signed: Whether its activations are signed. onnxruntime fuses those on arm64; on x86 it
            has to be told to, and then it does what arm64 would.
    """
    import onnx
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    if signed:
        options.add_session_config_entry("session.qdqisint8allowed", "1")
    with quiet(), tempfile.TemporaryDirectory() as folder:
        optimised = Path(folder) / "optimised.onnx"
        options.optimized_model_filepath = str(optimised)
        onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        graph = onnx.load(str(optimised)).graph
    stored = _stored(graph)
    return Fused(
        integer_convs=_count(graph, _INTEGER_CONV, stored),
        float_convs=_count(graph, _FLOAT_CONV, stored),
        integer_matmuls=_count(graph, _INTEGER_MATMUL, stored),
        float_matmuls=_count(graph, _FLOAT_MATMUL, stored),
        conversions=sum(n.op_type in ("QuantizeLinear", "DequantizeLinear") for n in graph.node),
    )


def _stored(graph: Any) -> set[str]:
    """Return the names of weights, and of what is computed from weights alone."""
    stored = {tensor.name for tensor in graph.initializer}
    for node in graph.node:  # in the order they run
        if all(name in stored for name in node.input if name):
            stored |= set(node.output)
    return stored


def _count(graph: Any, weights: Mapping[str, int], stored: set[str]) -> int:
    return sum(
        node.op_type in weights and node.input[weights[node.op_type]] in stored
        for node in graph.node
    )
