"""The part of a head that fine-tuning may keep."""

from __future__ import annotations

from torch import nn


def hidden_part(head: nn.Sequential) -> nn.Sequential:
    """Return the layers of a head up to its last activation; not a copy.

    Their keys are those of ``backbones.readout.build_hidden``.

    Args:
        head: Linear layers with BN and activations between.
    """
    ends = [n for n, layer in enumerate(head, 1) if isinstance(layer, nn.GELU | nn.ReLU)]
    return head[: max(ends, default=0)]
