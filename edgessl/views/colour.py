"""Colour operations on batches with one parameter a sample, as torchvision computes them.

All take and return pixels in [0, 1], ``(N, 3, H, W)``, and factors of shape ``(N,)``.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

_LUMA = (0.2989, 0.587, 0.114)  # torchvision's weights


def luma(pixels: Tensor) -> Tensor:
    """Return the grey value of each pixel, ``(N, 1, H, W)``."""
    red, green, blue = pixels.unbind(dim=1)
    return (_LUMA[0] * red + _LUMA[1] * green + _LUMA[2] * blue).unsqueeze(1)


def _blend(pixels: Tensor, other: Tensor | float, factor: Tensor) -> Tensor:
    factor = factor[:, None, None, None]
    return (pixels * factor + (1.0 - factor) * other).clamp_(0.0, 1.0)


def brightness(pixels: Tensor, factor: Tensor) -> Tensor:
    """Scale all pixels; factor 0 is black, 1 changes nothing."""
    return (pixels * factor[:, None, None, None]).clamp_(0.0, 1.0)


def contrast(pixels: Tensor, factor: Tensor) -> Tensor:
    """Blend with the image's mean grey; factor 0 is flat grey, 1 changes nothing."""
    return _blend(pixels, luma(pixels).mean(dim=(1, 2, 3), keepdim=True), factor)


def saturation(pixels: Tensor, factor: Tensor) -> Tensor:
    """Blend with the grey image; factor 0 is grey, 1 changes nothing."""
    return _blend(pixels, luma(pixels), factor)


def hue(pixels: Tensor, shift: Tensor) -> Tensor:
    """Turn the hue by ``shift`` turns of the colour circle, value and saturation kept.

    The HSV round trip is exact; both ways are written with the chroma, so no division by the value
    is needed: a channel is ``value - chroma * clamp(min(k, 4 - k), 0, 1)`` with
    ``k = (n + 6 hue) mod 6`` and n = 5, 3, 1 for red, green, blue.
    """
    red, green, blue = pixels.unbind(dim=1)
    value = pixels.amax(dim=1)
    chroma = value - pixels.amin(dim=1)
    safe = chroma.clamp_min(1e-8)
    sextant = torch.where(
        value == red,
        (green - blue) / safe,
        torch.where(value == green, 2.0 + (blue - red) / safe, 4.0 + (red - green) / safe),
    )
    sextant += 6.0 * shift[:, None, None] + 6.0  # positive, so that remainder is cheap
    result = torch.empty_like(pixels)
    for channel, offset in enumerate((5.0, 3.0, 1.0)):
        k = torch.remainder(sextant + offset, 6.0)
        k = torch.minimum(k, 4.0 - k).clamp_(0.0, 1.0)
        torch.addcmul(value, k, chroma, value=-1.0, out=result[:, channel])
    return result


def solarize(pixels: Tensor) -> Tensor:
    """Invert every channel value at or above half range (128 of 255)."""
    return torch.where(pixels >= 128.0 / 255.0, 1.0 - pixels, pixels)


JITTER: tuple[Callable[[Tensor, Tensor], Tensor], ...] = (brightness, contrast, saturation, hue)
"""The four operations of colour jitter, in the order of their factors."""
