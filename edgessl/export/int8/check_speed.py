"""The gate ``speed``, and what is known of a backbone's int8 before it is made."""

from __future__ import annotations

from edgessl.export.gates.gate import Gate
from edgessl.export.int8.search import Timed

WORTH_IT = 1.1
"""Times as fast as fp32 from which int8 is called faster, where the interval says so too."""


def check_speed(fp32_ms: float | None, int8: Timed | None, why_not: str) -> Gate:
    """Compare the latencies of the fp32 and the int8 file, measured in turns.

    Args:
        fp32_ms: Median latency of the fp32 core; None where nothing was timed.
        int8: The int8 core beside it; None likewise.
        why_not: Why nothing was timed.

    Returns:
        A gate that never fails, for a file that is only smaller is still what it says.
    """
    if fp32_ms is None or int8 is None:
        return Gate("int8 speed", "skip", why_not)
    numbers = {
        "fp32_ms": fp32_ms, "int8_ms": int8.ms, "speedup": int8.speedup, "worth_it": WORTH_IT,
        "speedup_low": int8.low, "speedup_high": int8.high,
    }
    ends = "no interval" if int8.low is None else f"{int8.low:.2f} to {int8.high:.2f}"
    measured = (
        f"{int8.ms:.2f} ms, fp32 {fp32_ms:.2f} ms: {int8.speedup:.2f} times as fast [{ends}]"
    )
    shown = int8.low is not None and int8.low > 1
    if shown and int8.speedup >= WORTH_IT:
        return Gate("int8 speed", "pass", f"{measured}, batch 1, one thread", numbers)
    return Gate(
        "int8 speed", "pass",
        f"smaller, not faster: {measured}, batch 1, one thread; use the fp32 file on a CPU like "
        "this one",
        numbers,
    )


SOURCE = "measured on an x86 CPU with VNNI, 224 px, batch 1, one thread, fp32 and int8 in turns"
SPEEDUPS = {
    "mobilenetv2": 1.9,
    "mobilenetv3s": 0.7,
    "mobilenetv4-conv-small": 1.7,
    "efficientnet-b0": 1.0,
    "efficientnet-lite0": 1.9,
    "resnet18": 3.0,
    "vit-ti16": 1.9,
}
"""Backbone -> latency of fp32 over that of int8.

bench/LOG.md, "int8 at 224 px, trained networks"; for ViT-Ti/16 "int8".
"""
FAMILIES = {
    "mobilenetv3l": "mobilenetv3s",
    "resnet34": "resnet18",
    "resnet50": "resnet18",
    "resnet101": "resnet18",
    "vit-ti32": "vit-ti16",
    "vit-s16": "vit-ti16",
    "deit-ti": "vit-ti16",
    "deit-ti-paper": "vit-ti16",
}
"""Backbone -> one of its family that was measured."""
INSTEAD = ("mobilenetv2", "mobilenetv4-conv-small", "efficientnet-lite0", "resnet18")
"""What to use where int8 is to make it fast: networks of ReLU."""


def int8_advice(backbone: str) -> str | None:
    """Say what int8 will bring a network.

    Args:
        backbone: Its name.

    Returns:
        One sentence; None for a network that nothing is known of.
    """
    measured = FAMILIES.get(backbone, backbone)
    speedup = SPEEDUPS.get(measured)
    if speedup is None:
        return None
    of = "" if measured == backbone else f" of its family ({measured})"
    if speedup >= WORTH_IT:
        return f"int8 makes it about {speedup:.2g} times as fast{of} ({SOURCE})"
    return (
        f"int8 makes it smaller, not faster: {speedup:.2g} times as fast{of} ({SOURCE}); "
        f"for a fast int8 file choose {', '.join(INSTEAD[:-1])} or {INSTEAD[-1]}"
    )
