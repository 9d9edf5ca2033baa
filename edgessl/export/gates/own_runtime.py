"""A file for a device in its own runtime: what ran it, and what numbers it computed with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgessl.artifact import Precision
from edgessl.export.gates.gate import Gate

NAME = "own runtime"
MIN_SHARE = 0.5
"""Of the products; an int8 file with fewer is a float network with conversions in it."""
FLOATS = {"fp32": ("f32",), "fp16": ("f16", "f32")}
"""Precision -> what may be computed with. OpenVINO, asked for f32, computes most of a network
whose weights are stored in fp16 with f16 where the CPU has it (bench/LOG.md)."""
INTEGERS = ("i8", "u8", "int8", "uint8")


def check_own_runtime(report: Mapping[str, Any], precision: Precision) -> Gate:
    """Judge what a runtime says of the network that it has opened.

    Args:
        report: Of the process that runs it: ``runtime``, ``version``, ``computes`` and
            ``torch_loaded``.
        precision: What the file is called.

    Returns:
        A gate that passes where an int8 file computes its convolutions and matrix products with
        integers, an fp32 file with 32-bit floats, and an fp16 file with floats of 16 or 32 bits,
        of fp16 and not of bf16. Where the runtime does not tell, the finding says so.
    """
    computes: Mapping[str, int] = report["computes"]
    total = sum(computes.values())
    integer = sum(count for numbers, count in computes.items() if numbers.lower() in INTEGERS)
    told = ", ".join(f"{count} in {numbers}" for numbers, count in sorted(computes.items()))
    numbers = {
        "runtime": report["runtime"], "version": report["version"], "computes": dict(computes),
        "torch_loaded": report["torch_loaded"],
    }  # fmt: skip
    ran = f"{report['runtime']} {report['version']}"
    if report["torch_loaded"]:
        ran += ", whose Python package loads torch,"
    if not total:
        return Gate(NAME, "pass", f"{ran} runs it, and does not tell what it computes in", numbers)
    finding = f"{ran} computes {total} products: {told}"
    if precision == "int8":
        passed = integer >= MIN_SHARE * total
        finding += "" if passed else "; this is no int8 file: use the fp32 one"
    else:
        allowed = FLOATS[precision]
        passed = computes.keys() <= set(allowed)
        finding += "" if passed else f"; it must be {' or '.join(allowed)} for all"
    return Gate(NAME, "pass" if passed else "fail", finding, numbers)
