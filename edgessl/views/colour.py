"""Colour operations on batches with one parameter a sample, as torchvision computes them.

All take pixels in [0, 1], ``(N, 3, H, W)``, and factors of shape ``(N,)``; they change the pixels
in place and return them. They are fastest when the pixels are ``(3, N, H, W)`` in memory. Products
and sums stay apart: fused ones round differently at the end of a vector, and then a sample's views
would depend on its place in the batch.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

_LUMA = (0.2989, 0.587, 0.114)  # torchvision's weights


def luma(pixels: Tensor) -> Tensor:
    """Return the grey value of each pixel, ``(N, 1, H, W)``; the pixels stay as they are."""
    red, green, blue = pixels.unbind(dim=1)
    grey = red * _LUMA[0]
    grey += green * _LUMA[1]
    grey += blue * _LUMA[2]
    return grey.unsqueeze(1)


def brightness(pixels: Tensor, factor: Tensor) -> Tensor:
    """Scale all pixels; factor 0 is black, 1 changes nothing."""
    return pixels.mul_(factor[:, None, None, None]).clamp_(0.0, 1.0)


def contrast(pixels: Tensor, factor: Tensor) -> Tensor:
    """Blend with the image's mean grey; factor 0 is flat grey, 1 changes nothing."""
    factor = factor[:, None, None, None]
    mean = luma(pixels.mean(dim=(2, 3), keepdim=True))
    return pixels.mul_(factor).add_((1.0 - factor) * mean).clamp_(0.0, 1.0)


def saturation(pixels: Tensor, factor: Tensor) -> Tensor:
    """Blend with the grey image; factor 0 is grey, 1 changes nothing."""
    factor = factor[:, None, None, None]
    grey = luma(pixels).mul_(1.0 - factor)
    return pixels.mul_(factor).add_(grey).clamp_(0.0, 1.0)


def hue(pixels: Tensor, shift: Tensor) -> Tensor:
    """Turn the hue by ``shift`` turns of the colour circle, value and saturation kept.

    The HSV round trip is exact, but needs no case for each sextant. With value V (the largest
    channel), m (the smallest) and chroma C = V - m, the distance to red on the circle, in sextants,
    is ``1 + (G + B - R - m) / C``, on green's side where G > B. The channels of a colour ``h``
    sextants from red are ``V - C clamp(||h + n| - 3| - 1, 0, 1)`` with n = 3, 1, -1 for red, green,
    blue.
    """
    red, green, blue = pixels.unbind(dim=1)
    value = torch.maximum(torch.maximum(red, green), blue)
    least = torch.minimum(torch.minimum(red, green), blue)
    from_red = (green + blue).sub_(red).sub_(least)
    chroma = torch.sub(value, least, out=least)
    from_red.div_(chroma.clamp_min(1e-8)).add_(1.0).copysign_(green - blue)  # in [-3, 3]
    turn = torch.stack([6.0 * shift + n for n in (3.0, 1.0, -1.0)], dim=1)
    turn = torch.remainder(turn + 3.0, 6.0) - 3.0  # in [-3, 3)
    torch.add(from_red[:, None], turn[:, :, None, None], out=pixels)
    pixels.abs_().sub_(3.0).abs_().sub_(1.0).clamp_(0.0, 1.0).mul_(chroma[:, None])
    return torch.sub(value[:, None], pixels, out=pixels)


def solarize(pixels: Tensor) -> Tensor:
    """Invert every channel value at or above half range (128 of 255); gives new pixels."""
    return torch.where(pixels >= 128.0 / 255.0, 1.0 - pixels, pixels)


JITTER: tuple[Callable[[Tensor, Tensor], Tensor], ...] = (brightness, contrast, saturation, hue)
"""The four operations of colour jitter, in the order of their factors."""
