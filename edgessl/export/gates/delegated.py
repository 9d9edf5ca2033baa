"""What a backend takes over of a network, where its runtime does not tell at run time."""

from __future__ import annotations

from collections.abc import Mapping

from edgessl.artifact import Precision
from edgessl.export.gates.gate import Gate
from edgessl.export.gates.own_runtime import INTEGERS, MIN_SHARE

NAME = "delegated"


def check_delegated(
    backend: str, inside: Mapping[str, int], outside: Mapping[str, int], precision: Precision
) -> Gate:
    """Judge what the converter handed to a backend; what is left runs in slow reference kernels.

    Args:
        backend: Its name, such as ``XNNPACK``.
        inside: Convolutions and matrix products there, by the numbers that go in.
        outside: Those that were left.
        precision: What the file is called.

    Returns:
        A gate that passes where nothing is left, and where an int8 file multiplies integers.
    """
    total, left = sum(inside.values()), sum(outside.values())
    integer = sum(count for numbers, count in inside.items() if numbers in INTEGERS)
    told = ", ".join(f"{count} in {numbers}" for numbers, count in sorted(inside.items()))
    numbers = {"backend": backend, "inside": dict(inside), "outside": dict(outside)}
    finding = f"{backend} computes {total} of {total + left} products: {told or 'none'}"
    passed = total > 0 and left == 0
    if not passed:
        finding += "; the rest would run in slow reference kernels: use another target"
    elif precision == "int8" and integer < MIN_SHARE * total:
        passed = False
        finding += "; this is no int8 file: use the fp32 one"
    return Gate(NAME, "pass" if passed else "fail", finding, numbers)
