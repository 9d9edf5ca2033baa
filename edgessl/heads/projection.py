"""Projection heads, and the part of a head that fine-tuning can keep."""

from __future__ import annotations

from itertools import pairwise

from torch import nn

from edgessl.recipe.method_tables.projection import Projection


def hidden_part(head: nn.Sequential) -> nn.Sequential:
    """Return the layers of a head up to its last activation; not a copy.

    Their keys are those of ``backbones.readout.build_hidden``.

    Args:
        head: Linear layers with BN and activations between.
    """
    ends = [n for n, layer in enumerate(head, 1) if isinstance(layer, nn.GELU | nn.ReLU)]
    return head[: max(ends, default=0)]


def projection_head(in_dim: int, table: Projection) -> nn.Sequential:
    """Build a projector ``(N, D) -> (N, P)``, or a predictor ``(N, P) -> (N, P)``.

    The output is not normalised.

    Args:
        in_dim: Width of the input.
        table: Widths, BN, biases, dropout and start values.
    """
    widths = (in_dim, *table.widths(in_dim))
    layers: list[nn.Module] = []
    for before, width in pairwise(widths):
        layers.append(nn.Linear(before, width, bias=table.hidden_bias))
        if table.batch_norm:
            layers.append(nn.BatchNorm1d(width))
        layers.append(nn.ReLU(inplace=True))
    if table.dropout > 0:
        layers.append(nn.Dropout(table.dropout))
    last = nn.Linear(widths[-1], table.out_dim, bias=table.last_bias)
    layers.append(last)
    if table.last_batch_norm != "none":
        norm = nn.BatchNorm1d(table.out_dim)
        norm.bias.requires_grad_(table.last_batch_norm == "scale_and_shift")  # else it stays 0
        layers.append(norm)
    if table.init_std is not None:
        _start_normal(layers, table.init_std)
    if table.last_init_std:
        _start_normal([last], table.last_init_std)
    return nn.Sequential(*layers)


def _start_normal(layers: list[nn.Module], std: float) -> None:
    for layer in layers:
        if isinstance(layer, nn.Linear):
            nn.init.normal_(layer.weight, std=std)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
