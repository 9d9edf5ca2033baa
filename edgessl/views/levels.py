"""Operations on the levels of a batch, one amount a sample: what RandAugment does to colours.

All take pixels in [0, 1], ``(N, 3, H, W)``, and an amount a sample, ``(N,)``, and give new pixels.
What is defined on 8 bits is computed on the nearest of the 256 levels.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import conv2d

from edgessl.views import colour

_TOP = 255.0


def brightness(pixels: Tensor, amount: Tensor) -> Tensor:
    """Scale by ``1 + amount``."""
    return colour.brightness(pixels.clone(), 1.0 + amount)


def contrast(pixels: Tensor, amount: Tensor) -> Tensor:
    """Blend with the mean grey, ``1 + amount`` of the image."""
    return colour.contrast(pixels.clone(), 1.0 + amount)


def saturation(pixels: Tensor, amount: Tensor) -> Tensor:
    """Blend with the grey image, ``1 + amount`` of the image in colour."""
    return colour.saturation(pixels.clone(), 1.0 + amount)


def sharpness(pixels: Tensor, amount: Tensor) -> Tensor:
    """Blend with a blurred image, ``1 + amount`` of the sharp one; pixels of the edge stay."""
    kernel = torch.ones(3, 3, device=pixels.device)
    kernel[1, 1] = 5.0
    kernel = (kernel / kernel.sum()).expand(3, 1, 3, 3)
    blurred = pixels.clone()
    blurred[:, :, 1:-1, 1:-1] = conv2d(pixels, kernel, groups=3)
    factor = (1.0 + amount)[:, None, None, None]
    return (factor * pixels).add_((1.0 - factor) * blurred).clamp_(0.0, 1.0)


def posterize(pixels: Tensor, amount: Tensor) -> Tensor:
    """Keep the ``8 - amount`` highest bits of each level; the amount is rounded to whole bits."""
    step = torch.exp2(torch.round(amount))[:, None, None, None]
    levels = (pixels * _TOP).round_()
    return torch.floor_(levels / step).mul_(step).mul_(1.0 / _TOP)


def solarize(pixels: Tensor, amount: Tensor) -> Tensor:
    """Invert levels from ``255 - amount`` on."""
    threshold = (_TOP - amount)[:, None, None, None]
    return torch.where((pixels * _TOP).round_() >= threshold, 1.0 - pixels, pixels)


def auto_contrast(pixels: Tensor, amount: Tensor) -> Tensor:
    """Stretch each channel to the whole range; a channel of one level stays. No amount."""
    least, most = pixels.amin(dim=(2, 3), keepdim=True), pixels.amax(dim=(2, 3), keepdim=True)
    flat = most == least
    span = torch.where(flat, 1.0, most - least)
    return torch.where(flat, pixels, ((pixels - least) / span).clamp_(0.0, 1.0))


def equalize(pixels: Tensor, amount: Tensor) -> Tensor:
    """Spread each channel's levels so that all are about equally frequent. No amount.

    Source:
        The table is that of PIL's ``ImageOps.equalize``.
    """
    count, channels = pixels.shape[:2]
    levels = (pixels * _TOP).round_().long().view(count * channels, -1)
    rows = torch.arange(len(levels), device=pixels.device)[:, None] * 256
    counts = torch.bincount((levels + rows).flatten(), minlength=len(levels) * 256)
    counts = counts.view(-1, 256)
    last = 255 - counts.flip(1).ne(0).int().argmax(dim=1, keepdim=True)  # highest level there is
    step = (counts.sum(dim=1, keepdim=True) - counts.gather(1, last)) // 255
    below = counts.cumsum(dim=1) - counts
    table = ((below + step // 2) // step.clamp(min=1)).clamp(max=255)
    table = torch.where(step == 0, torch.arange(256, device=pixels.device), table)
    return table.gather(1, levels).view_as(pixels).to(pixels.dtype).mul_(1.0 / _TOP)
