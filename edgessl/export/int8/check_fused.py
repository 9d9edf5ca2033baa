"""A file is called int8 only when its products compute with integers."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from edgessl.export.gates.gate import Gate
from edgessl.export.int8.fused import count_fused
from edgessl.export.int8.scheme import Scheme, float_products, products

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
