"""Whether onnxruntime computes with integers, or keeps floats between pairs of conversions."""

from __future__ import annotations

import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgessl.export.quiet import quiet

_INTEGER_CONV = ("QLinearConv", "ConvInteger")
_INTEGER_MATMUL = ("QGemm", "QLinearMatMul", "MatMulInteger", "MatMulIntegerToFloat",
                   "DynamicQuantizeMatMul")  # fmt: skip
_FLOAT_CONV = ("Conv", "FusedConv")
_FLOAT_MATMUL = ("Gemm", "FusedGemm", "MatMul", "FusedMatMul")


@dataclass(frozen=True, slots=True)
class Fused:
    """How the products of a graph are computed after onnxruntime's optimisation.

    Attributes:
        integer_convs: Convolutions with integers.
        float_convs: Convolutions with floats.
        integer_matmuls: Matrix products with integers.
        float_matmuls: Matrix products with floats, those of two activations included.
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
        counts = Counter(node.op_type for node in _nodes(onnx.load(str(optimised)).graph))
    return Fused(
        integer_convs=_sum(counts, _INTEGER_CONV),
        float_convs=_sum(counts, _FLOAT_CONV),
        integer_matmuls=_sum(counts, _INTEGER_MATMUL),
        float_matmuls=_sum(counts, _FLOAT_MATMUL),
        conversions=_sum(counts, ("QuantizeLinear", "DequantizeLinear")),
    )


def _nodes(graph: Any) -> list[Any]:
    return list(graph.node)


def _sum(counts: Counter[str], names: tuple[str, ...]) -> int:
    return sum(counts[name] for name in names)
