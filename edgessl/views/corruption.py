"""Degraded images for pretraining: what a cheap camera, a thumbnail or an old file is like.

A corruption is part of the image, not of the view: it is the same in every epoch. It acts on packed
pixels, which were made from the original with antialiasing, while Cole et al. degrade the original
files once: so the blocks of JPEG and the grains of noise are as large as packed pixels, nearest
neighbours are those of packed pixels, and images that are packed smaller than what a corruption
would leave of them stay as they are.

Source:
    Cole et al., CVPR 2022, section 4.3 and appendix C.5: resize to a short side of 256, the same
    and 2x or 4x down and up again, both by nearest neighbours, JPEG of quality 10, salt and pepper
    with probability 0.01.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import interpolate, pad

from edgessl.recipe.tables import CorruptionName, CorruptionResize
from edgessl.rng import DrawKey, uniforms_of_operations
from edgessl.views.operations import Operation

_NOISE_P = 0.01  # appendix C: each pixel of each channel
_QUALITY = 10  # appendix C
_SHRINK = {"resize": 1, "downsample_2": 2, "downsample_4": 4}
_STAGE = 2000  # of the draws: none of training has it


@dataclass(frozen=True, slots=True)
class Corruption:
    """How images are degraded.

    Attributes:
        name: One of Cole's.
        short_px: Short side that ``resize`` leaves, and that downsampling starts from.
        interpolation: How the first three resize.
    """

    name: CorruptionName
    short_px: int = 256
    interpolation: CorruptionResize = "nearest"

    def __call__(
        self, images: Tensor, sizes: NDArray[np.int32], ids: NDArray[np.int64], seed: int
    ) -> Tensor:
        """Degrade a batch.

        Args:
            images: Squashed pixels in [0, 1], ``(B, 3, S, S)``.
            sizes: Original height and width of each image, ``(B, 2)``.
            ids: Sample ids, ``(B,)``; they choose the noise.
            seed: Of the run.

        Returns:
            Pixels in [0, 1], ``(B, 3, S, S)``, in memory ``(B, S, 3, S)`` as views are cut fastest.
        """
        if self.name == "jpeg":
            found = jpeg(images, _QUALITY)
        elif self.name == "salt_and_pepper":
            found = salt_and_pepper(images, ids, seed)
        else:
            factor = _SHRINK[self.name]
            found = down_and_up(images, sizes, self.short_px, factor, self.interpolation)
        return found.permute(0, 3, 1, 2).contiguous().permute(0, 2, 3, 1)


def down_and_up(
    images: Tensor, sizes: NDArray[np.int32], short_px: int, factor: int,
    interpolation: CorruptionResize = "bicubic",
) -> Tensor:  # fmt: skip
    """Resize the short side, shrink by a factor, and enlarge again.

    Args:
        images: Squashed pixels in [0, 1], ``(B, 3, S, S)``.
        sizes: Original height and width of each image, ``(B, 2)``.
        short_px: Short side after the first resize.
        factor: How many times smaller it then becomes.
        interpolation: Bicubic with antialiasing, or nearest neighbours; what that leaves, an image
            of ``short_px``, is enlarged to the pack smoothly.
    """
    side = images.shape[-1]
    resized = sizes * (short_px / sizes.min(axis=1, keepdims=True))  # (B, 2)
    kept = np.clip(np.round(resized / factor), 1, side).astype(int)
    if (kept >= side).all():
        return images.clone()
    whole = np.maximum(np.round(resized).astype(int), kept)
    rows, columns = (
        torch.stack([
            _there_and_back(side, int(px)) if interpolation == "bicubic"
            else _by_neighbours(side, int(px), int(of))
            for px, of in zip(axis, wholes, strict=True)
        ]).to(images.device)
        for axis, wholes in zip(kept.T, whole.T, strict=True)
    )  # (B, S, S) each  # fmt: skip
    found = rows[:, None] @ images @ columns[:, None].mT
    return found.clamp_(0.0, 1.0)


@lru_cache(maxsize=512)
def _there_and_back(side: int, kept: int) -> Tensor:
    """Return what an axis becomes when it is resized to fewer pixels and back, ``(S, S)``."""
    whole = torch.eye(side)
    if kept >= side:
        return whole
    few = interpolate(whole[None, None], size=(kept, side), mode="bicubic", antialias=True)
    return interpolate(few, size=(side, side), mode="bicubic", antialias=True)[0, 0]


@lru_cache(maxsize=512)
def _by_neighbours(side: int, kept: int, whole: int) -> Tensor:
    """Return the same by nearest neighbours, by way of an image of ``whole`` px, ``(S, S)``."""
    if kept >= side:
        return torch.eye(side)
    found = torch.eye(side)[_neighbours(side, kept)][_neighbours(kept, whole)]  # (whole, S)
    return interpolate(found[None, None], size=(side, side), mode="bicubic", antialias=True)[0, 0]


def _neighbours(side: int, wanted: int) -> Tensor:
    """Return which of some pixels lie nearest to the middles of others, ``(wanted,)``."""
    return (2 * torch.arange(wanted) + 1) * side // (2 * wanted)


def salt_and_pepper(images: Tensor, ids: NDArray[np.int64], seed: int) -> Tensor:
    """Set pixels of single channels to 0 or 1, each with probability 0.01, half of them each.

    As many places are drawn, with repetition, as hit a pixel with that probability.

    Args:
        images: In [0, 1], ``(B, 3, S, S)``.
        ids: Sample ids, ``(B,)``.
        seed: Of the run.
    """
    count = images[0].numel()
    draws = math.ceil(-math.log1p(-_NOISE_P) * count)
    key, view = DrawKey(seed, _STAGE, 0), np.zeros(1, np.int64)
    (drawn,) = uniforms_of_operations(key, ids, view, {Operation.CORRUPT: 2 * draws})
    places = (drawn[:, 0, :draws] * count).astype(np.int64) + np.arange(len(ids))[:, None] * count
    salt = drawn[:, 0, draws:] < 0.5
    flat = images.contiguous().clone().view(-1)
    for chosen, value in ((~salt, 0.0), (salt, 1.0)):
        index = torch.from_numpy(places[chosen]).to(images.device, non_blocking=True)
        flat.index_fill_(0, index, value)
    return flat.view(images.shape)


def jpeg(images: Tensor, quality: int) -> Tensor:
    """Compress and decompress as baseline JPEG does, chroma at half the resolution.

    Args:
        images: In [0, 1], ``(B, 3, S, S)``.
        quality: From 1 to 100, as Pillow and libjpeg take it.

    Source:
        ITU-T T.81, annexes A and K; JFIF for the colours; libjpeg for the scale of the tables.
    """
    side = images.shape[-1]
    more = -side % 16
    pixels = pad((images * 255.0).round(), (0, more, 0, more), mode="replicate")
    red, green, blue = pixels.unbind(dim=1)
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    chroma = torch.stack([(blue - luma) * 0.564, (red - luma) * 0.713], dim=1)
    chroma = interpolate(chroma, scale_factor=0.5, mode="area")
    luma = _through_blocks(luma[:, None] - 128.0, _table(_LUMA, quality))[:, 0] + 128.0
    chroma = _through_blocks(chroma, _table(_CHROMA, quality))
    chroma = interpolate(chroma, scale_factor=2.0, mode="bilinear")
    to_blue, to_red = chroma.unbind(dim=1)
    found = torch.stack(
        [luma + 1.402 * to_red, luma - 0.344136 * to_blue - 0.714136 * to_red,
         luma + 1.772 * to_blue], dim=1,
    )  # fmt: skip
    return (found[..., :side, :side].round() / 255.0).clamp_(0.0, 1.0)


def _through_blocks(planes: Tensor, table: Tensor) -> Tensor:
    """Quantise the cosine transform of 8 x 8 blocks of planes ``(B, C, H, W)``."""
    batch, channels, height, width = planes.shape
    cosine, table = _cosine().to(planes.device), table.to(planes.device)
    blocks = planes.reshape(batch, channels, height // 8, 8, width // 8, 8).transpose(3, 4)
    coefficients = cosine @ blocks @ cosine.T
    kept = (coefficients / table).round() * table
    blocks = cosine.T @ kept @ cosine
    return blocks.transpose(3, 4).reshape(planes.shape)


@lru_cache(maxsize=1)
def _cosine() -> Tensor:
    """Return the orthonormal cosine transform of 8 numbers, ``(8, 8)``."""
    place = torch.arange(8, dtype=torch.float64)
    rows = torch.cos((2 * place + 1) * place[:, None] * math.pi / 16) / 2
    rows[0] /= math.sqrt(2)
    return rows.float()


def _table(base: Sequence[int], quality: int) -> Tensor:
    scale = 5000 / quality if quality < 50 else 200 - 2 * quality
    table = torch.tensor(base, dtype=torch.float32).view(8, 8)
    return ((table * scale + 50) / 100).floor().clamp(1, 255)


_LUMA = (
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55,
    14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80, 62,
    18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92,
    49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
)  # fmt: skip
"""Quantisation of brightness, row by row: T.81, table K.1."""

_CHROMA = (
    17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99,
    24, 26, 56, 99, 99, 99, 99, 99, 47, 66, 99, 99, 99, 99, 99, 99,
    99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
    99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
)  # fmt: skip
"""Of colours: T.81, table K.2."""
