"""BN statistics measured anew, for the images the network will be used on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

# The common base of torch's and timm's batch norms of every dimension.
from torch.nn.modules.batchnorm import _BatchNorm

from edgessl.errors import UserError
from edgessl.metrics.features import normalised_batches, restored_modes


@torch.no_grad()
def recalibrate_batchnorm(
    module: nn.Module,
    pixels: NDArray[np.uint8],
    mean: Sequence[float],
    std: Sequence[float],
    *,
    device: torch.device | str,
    batch_size: int = 128,
    max_images: int = 2048,
) -> None:
    """Replace all running statistics by the plain average over batches of these images.

    Separate forward passes per view resolution leave running statistics that suit neither. Here
    only BN layers are in training mode, so dropout and drop path stay off. Images come in a fixed
    random order (stored images are sorted by class, and a batch of one class has too small a
    variance) in batches of nearly equal size. A network without BN is left alone.

    Args:
        module: Changed in place: BN statistics only. Already on ``device``.
        pixels: Training images under the evaluation transform, ``(N, 3, H, W)`` uint8.
        mean: Per-channel mean (R, G, B) on the [0, 1] scale.
        std: Per-channel standard deviation on the [0, 1] scale.
        device: Where the network is.
        batch_size: Most images per forward pass.
        max_images: Most images used.

    Raises:
        UserError: Fewer than two images, of which no variance can be computed.
    """
    layers = [
        child
        for child in module.modules()
        if isinstance(child, _BatchNorm) and child.track_running_stats
    ]
    if not layers:
        return
    if len(pixels) < 2:
        raise UserError(
            f"batch norm: must be recalibrated on at least 2 images, got {len(pixels)}; "
            "give more training images"
        )
    order = np.random.default_rng(0).permutation(len(pixels))[:max_images]
    batch_count = -(-len(order) // batch_size)
    momenta = [layer.momentum for layer in layers]
    try:
        with restored_modes(module):
            module.eval()
            for layer in layers:
                layer.reset_running_stats()
                layer.momentum = None  # cumulative average over the batches
                layer.train()
            for chosen in np.array_split(order, batch_count):
                batch = pixels[np.sort(chosen)]
                for images in normalised_batches(
                    batch, mean, std, device=device, batch_size=len(batch)
                ):
                    module(images)
    finally:
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum
