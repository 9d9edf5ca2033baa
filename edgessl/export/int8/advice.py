"""What int8 brings to each family of networks, known before anything is trained."""

from __future__ import annotations

from edgessl.export.int8.check_speed import WORTH_IT

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
