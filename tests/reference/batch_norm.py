"""Batch norm over groups of images, slow and obvious."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def grouped_batch_norm(
    layer: nn.Module, images: Tensor, gradient: Tensor, groups: int, times: int
) -> dict[str, Tensor]:
    """Normalise groups of images, each with all its views, by their own mean and variance.

    Args:
        layer: Holds weight, bias, momentum and running statistics; not changed.
        images: ``(V, B, C, …)``.
        gradient: What comes back for the output, ``(V, B, C, …)``.
        groups: Contiguous equal groups of the B images.
        times: Forward passes that the running statistics see.

    Returns:
        Output, gradients, and running statistics.
    """
    views, count, channels = images.shape[:3]
    x = images.clone().requires_grad_()
    weight, bias = (p.detach().clone().requires_grad_() for p in (layer.weight, layer.bias))
    size = count // groups
    output = torch.empty_like(images)
    pieces, means, variances = [], [], []
    for group in range(groups):
        part = x[:, group * size : (group + 1) * size]
        columns = part.movedim(2, 0).reshape(channels, -1)
        mean = columns.mean(dim=1)
        centred = columns - mean[:, None]
        variance = (centred**2).mean(dim=1)
        normal = centred / torch.sqrt(variance + layer.eps)[:, None]
        result = weight[:, None] * normal + bias[:, None]
        shape = part.movedim(2, 0).shape
        pieces.append(result.reshape(shape).movedim(0, 2))
        means.append(mean.detach())
        variances.append((centred**2).sum(dim=1).detach() / (columns.shape[1] - 1))
    output = torch.cat(pieces, dim=1)
    output.backward(gradient)
    running_mean = torch.zeros(channels, dtype=images.dtype)
    running_var = torch.ones(channels, dtype=images.dtype)
    for time in range(1, times + 1):
        share = 1 / time if layer.momentum is None else layer.momentum
        running_mean = (1 - share) * running_mean + share * torch.stack(means).mean(dim=0)
        running_var = (1 - share) * running_var + share * torch.stack(variances).mean(dim=0)
    assert views == images.shape[0]
    return {
        "output": output.detach(), "gradient": x.grad, "weight": weight.grad, "bias": bias.grad,
        "running_mean": running_mean, "running_var": running_var,
    }  # fmt: skip
