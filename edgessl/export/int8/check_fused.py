"""The gate ``fused``: an int8 file whose convolutions really run in int8."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edgessl.export.formats.graph import quiet
from edgessl.export.gates.gate import Gate
from edgessl.export.int8.scheme import Scheme, float_products, products

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


MIN_SHARE = 0.5  # of the products; below it the file is a float network with conversions in it


def check_fused(path: Path, prepared: Any, scheme: Scheme) -> Gate:
    """Count what onnxruntime makes of a file's convolutions and matrix products.

    Args:
        path: The int8 file.
        prepared: The float graph that it was made from.
        scheme: What was to become of it.
    """
    left = set(float_products(prepared, scheme))
    nodes = products(prepared)
    wanted = [node for node in nodes if node.name not in left]
    wanted_convs = sum(node.op_type == "Conv" for node in wanted)
    wanted_matmuls = len(wanted) - wanted_convs
    found = count_fused(path, signed=scheme.activations == "int8")
    convs = f"{found.integer_convs} of {wanted_convs} convolutions"
    matmuls = f"{found.integer_matmuls} of {wanted_matmuls} matrix products"
    finding = f"{convs} and {matmuls} compute with integers, {len(left)} left in float"
    enough = len(wanted) >= MIN_SHARE * len(nodes)
    passed = enough and found.integer_convs >= wanted_convs
    passed = passed and found.integer_matmuls >= wanted_matmuls
    if not passed:
        finding += "; this is no int8 file: use the fp32 one"
    numbers = {
        **asdict(found), "wanted_convs": wanted_convs, "wanted_matmuls": wanted_matmuls,
        "left_in_float": sorted(left),
    }
    return Gate("int8 fused", "pass" if passed else "fail", finding, numbers)
