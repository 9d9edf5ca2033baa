"""The random parameters of views: drawn for every sample and view on its own.

The distributions are torchvision's: RandomResizedCrop (ten tries, then a central crop),
ColorJitter (four operations in random order), RandomHorizontalFlip, RandomGrayscale,
GaussianBlur's sigma and RandomSolarize.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from edgessl.recipe.view_tables import ViewGroup
from edgessl.rng import DrawKey, uniforms

_TRIES = 10  # torchvision's RandomResizedCrop


class _Operation(IntEnum):
    CROP = 0
    FLIP = 1
    JITTER = 2
    GRAY = 3
    BLUR = 4
    SOLARIZE = 5


@dataclass(frozen=True, slots=True)
class ViewParams:
    """Parameters of the ``V`` views of one group for ``B`` samples.

    Attributes:
        boxes: Left, top, width, height as shares of the image, ``(B, V, 4)``.
        flip: Whether to flip, ``(B, V)``.
        jitter: Whether to jitter, ``(B, V)``.
        factors: Brightness, contrast, saturation factor and hue shift, ``(B, V, 4)``.
        order: Which of the four runs first, second, third, fourth, ``(B, V, 4)``.
        gray: Whether to turn grey, ``(B, V)``.
        sigma: Standard deviation of the blur in output pixels, 0 for none, ``(B, V)``.
        solarize: Whether to solarise, ``(B, V)``.
    """

    boxes: NDArray[np.float64]
    flip: NDArray[np.bool_]
    jitter: NDArray[np.bool_]
    factors: NDArray[np.float64]
    order: NDArray[np.int64]
    gray: NDArray[np.bool_]
    sigma: NDArray[np.float64]
    solarize: NDArray[np.bool_]


def draw_params(
    group: ViewGroup,
    first_view: int,
    sizes: NDArray[np.int32],
    ids: NDArray[np.int64],
    key: DrawKey,
) -> ViewParams:
    """Draw the parameters of one group of views.

    Args:
        group: The group's table.
        first_view: Number of the group's first view among all views of a sample.
        sizes: Original height and width of each image in pixels, ``(B, 2)``.
        ids: Sample ids, ``(B,)``.
        key: Seed, stage and epoch.
    """
    views = np.arange(first_view, first_view + group.count)

    def draw(operation: _Operation, count: int) -> NDArray[np.float64]:
        return uniforms(key, ids, views, int(operation), count)

    jitter = draw(_Operation.JITTER, 9)
    blur = draw(_Operation.BLUR, 2)
    blur_p = np.asarray(group.blur_p or (0.0,) * group.count)
    solarize_p = np.asarray(group.solarize_p or (0.0,) * group.count)
    sigma = group.blur_sigma[0] + (group.blur_sigma[1] - group.blur_sigma[0]) * blur[..., 1]
    return ViewParams(
        boxes=_crop_boxes(draw(_Operation.CROP, 4 * _TRIES), sizes, group),
        flip=draw(_Operation.FLIP, 1)[..., 0] < group.flip_p,
        jitter=jitter[..., 0] < group.jitter.p,
        factors=_jitter_factors(jitter[..., 1:5], group),
        order=np.argsort(jitter[..., 5:9], axis=-1, kind="stable"),
        gray=draw(_Operation.GRAY, 1)[..., 0] < group.gray_p,
        sigma=np.where(blur[..., 0] < blur_p, sigma, 0.0),
        solarize=draw(_Operation.SOLARIZE, 1)[..., 0] < solarize_p,
    )


def _jitter_factors(draws: NDArray[np.float64], group: ViewGroup) -> NDArray[np.float64]:
    jitter = group.jitter
    strengths = (jitter.brightness, jitter.contrast, jitter.saturation)
    low = np.array([max(0.0, 1.0 - s) for s in strengths] + [-jitter.hue])
    high = np.array([1.0 + s for s in strengths] + [jitter.hue])
    factors: NDArray[np.float64] = low + (high - low) * draws
    return factors


def _crop_boxes(
    draws: NDArray[np.float64], sizes: NDArray[np.int32], group: ViewGroup
) -> NDArray[np.float64]:
    """Follow RandomResizedCrop in the original geometry, whole pixels included."""
    draws = draws.reshape(*draws.shape[:2], _TRIES, 4)
    height = sizes[:, 0].astype(np.float64)[:, None, None]  # (B, 1, 1)
    width = sizes[:, 1].astype(np.float64)[:, None, None]
    area = height * width * (group.scale[0] + (group.scale[1] - group.scale[0]) * draws[..., 0])
    log_low, log_high = np.log(group.ratio[0]), np.log(group.ratio[1])
    ratio = np.exp(log_low + (log_high - log_low) * draws[..., 1])
    crop_w = np.rint(np.sqrt(area * ratio))  # (B, V, tries)
    crop_h = np.rint(np.sqrt(area / ratio))
    fits = (crop_w > 0) & (crop_w <= width) & (crop_h > 0) & (crop_h <= height)
    top = np.floor(draws[..., 2] * (height - crop_h + 1))
    left = np.floor(draws[..., 3] * (width - crop_w + 1))

    first = np.argmax(fits, axis=-1)[..., None]  # first try that fits
    box = np.stack([left, top, crop_w, crop_h], axis=-1)  # (B, V, tries, 4)
    chosen = np.take_along_axis(box, first[..., None], axis=2)[:, :, 0]
    boxes = np.where(fits.any(axis=-1)[..., None], chosen, _central_boxes(sizes, group)[:, None])
    scale = np.concatenate([sizes[:, ::-1], sizes[:, ::-1]], axis=1).astype(np.float64)
    shares: NDArray[np.float64] = boxes / scale[:, None]
    return shares


def _central_boxes(sizes: NDArray[np.int32], group: ViewGroup) -> NDArray[np.float64]:
    """Fall back as torchvision does: the largest central crop within the ratio bounds."""
    height, width = sizes[:, 0].astype(np.float64), sizes[:, 1].astype(np.float64)
    ratio = width / height
    low, high = group.ratio
    crop_w = np.where(ratio > high, np.rint(height * high), width)
    crop_h = np.where(ratio < low, np.rint(width / low), height)
    left, top = np.floor((width - crop_w) / 2), np.floor((height - crop_h) / 2)
    return np.stack([left, top, crop_w, crop_h], axis=-1)
