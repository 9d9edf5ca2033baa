"""Batches of pixels through a network, its mode kept: features and all other outputs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn


@contextmanager
def restored_modes(module: nn.Module) -> Iterator[None]:
    """Restore the mode of every submodule on leaving, frozen BN layers included.

    Args:
        module: The network whose modes the block changes.
    """
    modes = [(child, child.training) for child in module.modules()]
    try:
        yield
    finally:
        for child, training in modes:
            child.training = training


def normalised_batches(
    pixels: NDArray[np.uint8],
    mean: Sequence[float],
    std: Sequence[float],
    *,
    device: torch.device | str,
    batch_size: int,
    channels_last: bool = True,
) -> Iterator[Tensor]:
    """Scale to [0, 1] and normalise, in the order of the images.

    Args:
        pixels: ``(N, 3, H, W)`` uint8.
        mean: Per-channel mean (R, G, B) on the [0, 1] scale.
        std: Per-channel standard deviation on the [0, 1] scale.
        device: Where the batches are wanted; the arithmetic happens there.
        batch_size: Images per batch, > 0; the last batch may be smaller.
        channels_last: Memory format of the batches; CNNs are faster with it.

    Yields:
        ``(B, 3, H, W)`` float32 on ``device``.
    """
    centre = torch.tensor(list(mean), dtype=torch.float32, device=device).view(3, 1, 1)
    scale = torch.tensor(list(std), dtype=torch.float32, device=device).view(3, 1, 1)
    layout = torch.channels_last if channels_last else torch.contiguous_format
    for start in range(0, len(pixels), batch_size):
        # A copy: a slice of a read-only memory map would make torch warn.
        batch = torch.from_numpy(np.array(pixels[start : start + batch_size]))
        images = (batch.to(device).float() / 255.0 - centre) / scale
        yield images.contiguous(memory_format=layout)


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
