"""Projector and predictor of the contrastive methods: linear layers with BN and ReLU between."""

from __future__ import annotations

from itertools import pairwise

from torch import nn

from edgessl.recipe.method_tables.projection import Projection


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
