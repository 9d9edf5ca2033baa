"""Features of many images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from edgessl.metrics.batches import normalised_batches, restored_modes


def extract_features(
    module: nn.Module,
    pixels: NDArray[np.uint8],
    mean: Sequence[float],
    std: Sequence[float],
    *,
    device: torch.device | str,
    batch_size: int = 128,
    channels_last: bool = True,
) -> Tensor:
    """Run a network in eval mode over images; every module's mode is as before afterwards.

    Args:
        module: Normalised images ``(B, 3, H, W)`` to ``(B, D)``; already on ``device``.
        pixels: ``(N, 3, H, W)`` uint8, N >= 1.
        mean: Per-channel mean (R, G, B) on the [0, 1] scale.
        std: Per-channel standard deviation on the [0, 1] scale.
        device: Where the network is.
        batch_size: Images per forward pass.
        channels_last: Memory format of the images.

    Returns:
        ``(N, D)`` float32 on the CPU: features of a backbone, logits of a classifier.
    """
    batches = normalised_batches(
        pixels, mean, std, device=device, batch_size=batch_size, channels_last=channels_last
    )
    with restored_modes(module), torch.inference_mode():
        module.eval()
        # Collected on the device, so that a GPU never waits for a copy between batches.
        outputs = [module(images).float() for images in batches]
    # Joined outside inference mode, so that a probe may be trained on the result.
    return torch.cat(outputs).cpu()
