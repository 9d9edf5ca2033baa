"""Parameter groups: which tensors decay, and which are scaled by LARS."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn


def _trainable(module: nn.Module) -> list[Tensor]:
    return [p for p in module.parameters() if p.requires_grad]


def lars_groups(module: nn.Module, *, adapt_depthwise: bool) -> list[dict[str, Any]]:
    """Split parameters as SSLight does for LARS.

    Weights decay and adapt; depthwise convolutions (4-D, second dimension 1) do not decay and adapt
    only if ``adapt_depthwise`` (the released configs do, the paper says not); biases and BN
    (1-D) neither decay nor adapt.
    """
    weights, depthwise, vectors = [], [], []
    for param in _trainable(module):
        if param.ndim == 1:
            vectors.append(param)
        elif param.ndim == 4 and param.shape[1] == 1:
            depthwise.append(param)
        else:
            weights.append(param)
    return [
        {"params": weights, "decays": True, "adapt": True},
        {"params": depthwise, "decays": False, "adapt": adapt_depthwise},
        {"params": vectors, "decays": False, "adapt": False},
    ]


def plain_lars_groups(module: nn.Module) -> list[dict[str, Any]]:
    """Split parameters as AIRL and SimCLR do for LARS: biases and BN neither decay nor adapt.

    All weights do both, those of depthwise convolutions too.
    """
    return [{**group, "adapt": group["decays"]} for group in matrix_decay_groups(module)]


def matrix_decay_groups(module: nn.Module) -> list[dict[str, Any]]:
    """Split parameters as SSLight does for AdamW: tensors of two and more dimensions decay."""
    params = _trainable(module)
    return [
        {"params": [p for p in params if p.ndim >= 2], "decays": True},
        {"params": [p for p in params if p.ndim < 2], "decays": False},
    ]


def classifier_decay_groups(module: nn.Module) -> list[dict[str, Any]]:
    """Split parameters as Cole et al. fine-tune: those of the classifier ``fc`` alone decay."""
    params = [(name, p) for name, p in module.named_parameters() if p.requires_grad]
    classifier = {name for name, _ in params if name.split(".")[-2:-1] == ["fc"]}
    return [
        {"params": [p for name, p in params if name in classifier], "decays": True},
        {"params": [p for name, p in params if name not in classifier], "decays": False},
    ]


def all_decay_groups(module: nn.Module) -> list[dict[str, Any]]:
    """Put every parameter in one decaying group, as the SGD recipes of the papers do."""
    return [{"params": _trainable(module), "decays": True}]
