"""Hidden layers between a backbone and a classifier: those of a pretraining head."""

from __future__ import annotations

from torch import nn

from edgessl.recipe.method_tables.hidden import HiddenLayers


def build_hidden(in_dim: int, table: HiddenLayers) -> nn.Sequential:
    """Build hidden layers ``(N, D) -> (N, width of the last)`` with random weights.

    The order of the modules is that of the methods' heads, so the same keys hold the same tensors.

    Args:
        in_dim: Width ``D`` of the features.
        table: What they are; without widths there are no layers, and no keys.
    """
    layers: list[nn.Module] = []
    for width in table.widths:
        layers.append(nn.Linear(in_dim, width, bias=table.bias))
        if table.batch_norm:
            layers.append(nn.BatchNorm1d(width))
        layers.append(nn.GELU() if table.activation == "gelu" else nn.ReLU(inplace=True))
        in_dim = width
    return nn.Sequential(*layers)
