"""The gates of an int8 graph: its products compute with integers, its ranges fit real images."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgessl.data.preprocess import Preprocess
from edgessl.export.formats.graph import quiet
from edgessl.export.gates.gate import Gate
from edgessl.export.int8.quantise import Scheme, float_products, padded_name, products
from edgessl.export.int8.ranges import Extremes

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


CALIBRATION = "int8 calibration"
MIN_INPUT_COVERED = 0.6
MAX_RATIO = 2.0
MIN_ALIKE_PERCENT = 85.0
"""Between what real, noisy and wrongly normalised calibration images gave (bench/LOG.md, int8)."""


def check_calibration(
    model: Any, calibrated: Extremes, unseen: Extremes, preprocess: Preprocess
) -> Gate:
    """Compare the ranges of a file, and of its calibration images, with those of unseen images.

    Medians over images are compared, for a single odd image widens the ranges of all.

    Args:
        model: The int8 ``onnx.ModelProto``.
        calibrated: The activations of the calibration images in the fp32 network.
        unseen: Those of real images through the evaluation transform.
        preprocess: The checkpoint's own: it bounds what the input can be.

    Returns:
        A gate that passes where the range of the file's input is what normalised images have, and
        the widths of most activations are alike, within a factor of two.
    """
    source = unseen.names[0]
    written = written_ranges(model)
    low, high = written.get(source) or written.get(padded_name(source)) or (0.0, 0.0)
    ratios = _widths(calibrated) / _widths(unseen)  # (T,)
    alike_percent = 100.0 * float(((ratios >= 1 / MAX_RATIO) & (ratios <= MAX_RATIO)).mean())
    covered = _covered(low, high, unseen)
    numbers = {
        "images": len(calibrated.low), "unseen_images": len(unseen.low),
        "activations": len(ratios), "alike_percent": alike_percent,
        "median_ratio": float(np.median(ratios)),
        "input_low": low, "input_high": high, "input_covered": covered,
    }
    range_text = f"the input's range [{low:.2f}, {high:.2f}]"
    if low == high == 0.0:  # the first convolution stays in float
        low, high = float(calibrated.low[:, 0].min()), float(calibrated.high[:, 0].max())
        covered = _covered(low, high, unseen)
        range_text = f"the calibration images' range [{low:.2f}, {high:.2f}]"
    wrong = ""
    if not _possible(low, high, preprocess):
        wrong = f"{range_text} is more than normalised images can have"
    elif covered < MIN_INPUT_COVERED:
        wrong = f"{range_text} holds {100 * covered:.0f} % of that of real images"
    elif alike_percent < MIN_ALIKE_PERCENT:
        wrong = (
            f"only {alike_percent:.0f} % of {len(ratios)} activations range like those of real "
            f"images, in the median {numbers['median_ratio']:.2f} times as wide"
        )
    if wrong:
        remedy = "calibrate on training images through the evaluation transform"
        return Gate(CALIBRATION, "fail", f"{wrong}; {remedy}", numbers)
    finding = (
        f"{len(calibrated.low)} images; {alike_percent:.0f} % of {len(ratios)} activations range "
        f"like those of {len(unseen.low)} unseen images, within a factor of {MAX_RATIO:g}"
    )
    return Gate(CALIBRATION, "pass", finding, numbers)


def written_ranges(model: Any) -> dict[str, tuple[float, float]]:
    """Return what each quantised activation can hold: lowest and highest value.

    Args:
        model: An int8 ``onnx.ModelProto`` in QDQ form.
    """
    from onnx import numpy_helper

    stored: dict[str, NDArray[Any]] = {
        tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer
    }
    found = {}
    for node in model.graph.node:
        if node.op_type != "QuantizeLinear" or node.input[0] in stored:
            continue
        scale, zero = float(stored[node.input[1]]), stored[node.input[2]]
        limits, offset = np.iinfo(zero.dtype), int(zero)
        found[node.input[0]] = (scale * (limits.min - offset), scale * (limits.max - offset))
    return found


def _widths(extremes: Extremes) -> NDArray[np.float64]:
    """Return each activation's width in the median image, ``(T,)``."""
    width = np.median(extremes.high - extremes.low, axis=0)
    return np.asarray(np.maximum(width, 1e-9), np.float64)


def _covered(low: float, high: float, unseen: Extremes) -> float:
    """Return the share of the median unseen image's input range that is covered."""
    bottom, top = float(np.median(unseen.low[:, 0])), float(np.median(unseen.high[:, 0]))
    return max(0.0, min(high, top) - max(low, bottom)) / max(top - bottom, 1e-9)


def _possible(low: float, high: float, preprocess: Preprocess) -> bool:
    """Whether an input's range is within what pixels can become, but for rounding."""
    mean, std = np.asarray(preprocess.mean), np.asarray(preprocess.std)
    bottom, top = float((-mean / std).min()), float(((1.0 - mean) / std).max())
    slack = 0.02 * (top - bottom)
    return low >= min(bottom, 0.0) - slack and high <= max(top, 0.0) + slack
