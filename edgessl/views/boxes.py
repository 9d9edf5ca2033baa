"""Where views are cut: torchvision's RandomResizedCrop, RandomCrop and CenterCrop.

All boxes are left, top, width, height. They are found in the original geometry, in float64, and
returned as shares of the image, which is what survives the squash into the pack.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgessl.recipe.view_tables import ViewGroup
from edgessl.rng import DrawKey, uniforms, uniforms_of_pairs
from edgessl.views.operations import Operation

_TRIES = 10  # torchvision's RandomResizedCrop
_DRAWS = 4  # area, aspect, top, left


def crop_boxes(
    group: ViewGroup,
    views: NDArray[np.int64],
    sizes: NDArray[np.int32],
    ids: NDArray[np.int64],
    key: DrawKey,
) -> NDArray[np.float64]:
    """Draw the boxes of one group of views.

    Args:
        group: The group's table.
        views: Numbers of the group's views among all views of a sample, ``(V,)``.
        sizes: Original height and width of each image in pixels, ``(B, 2)``.
        ids: Sample ids, ``(B,)``.
        key: Seed, stage and epoch.

    Returns:
        ``(B, V, 4)``.
    """
    draws = uniforms(key, ids, views, Operation.CROP, _DRAWS)
    if group.crop == "resized":
        return _resized_boxes(group, draws, views, sizes, ids, key)
    return _cut_boxes(group, draws, sizes)


def _resized_boxes(
    group: ViewGroup,
    draws: NDArray[np.float64],
    views: NDArray[np.int64],
    sizes: NDArray[np.int32],
    ids: NDArray[np.int64],
    key: DrawKey,
) -> NDArray[np.float64]:
    """Follow RandomResizedCrop, whole pixels included: ten tries, then a central crop."""
    boxes, fits = _try_boxes(group, draws, sizes[:, None])
    sample, view = np.nonzero(~fits)
    if len(sample):  # the other nine tries, for those that need them
        again = uniforms_of_pairs(key, ids[sample], views[view], Operation.CROP, _DRAWS * _TRIES)
        tries, fit = _try_boxes(
            group, again.reshape(-1, _TRIES, _DRAWS), sizes[sample][:, None]
        )  # (M, tries, 4)
        first = np.take_along_axis(tries, np.argmax(fit, axis=1)[:, None, None], axis=1)[:, 0]
        central = _central_boxes(group, sizes[sample])
        boxes[sample, view] = np.where(np.any(fit, axis=1)[:, None], first, central)
    boxes /= np.concatenate([sizes[:, ::-1], sizes[:, ::-1]], axis=1).astype(np.float64)[:, None]
    return boxes


def _try_boxes(
    group: ViewGroup, draws: NDArray[np.float64], sizes: NDArray[np.int32]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return boxes in pixels, ``(..., 4)``, and whether each fits into its image, ``(...)``."""
    low, high = group.area
    height, width = sizes[..., 0].astype(np.float64), sizes[..., 1].astype(np.float64)
    area = height * width * (low + (high - low) * draws[..., 0])
    log_low, log_high = np.log(group.ratio[0]), np.log(group.ratio[1])
    ratio = np.exp(log_low + (log_high - log_low) * draws[..., 1])
    crop_w = np.rint(np.sqrt(area * ratio))
    crop_h = np.rint(np.sqrt(area / ratio))
    fits: NDArray[np.bool_] = (crop_w > 0) & (crop_w <= width) & (crop_h > 0) & (crop_h <= height)
    top = np.floor(draws[..., 2] * (height - crop_h + 1))
    left = np.floor(draws[..., 3] * (width - crop_w + 1))
    return np.stack([left, top, crop_w, crop_h], axis=-1), fits


def _central_boxes(group: ViewGroup, sizes: NDArray[np.int32]) -> NDArray[np.float64]:
    """Fall back as torchvision does: the largest central crop within the ratio bounds."""
    height, width = sizes[:, 0].astype(np.float64), sizes[:, 1].astype(np.float64)
    ratio = width / height
    low, high = group.ratio
    crop_w = np.where(ratio > high, np.rint(height * high), width)
    crop_h = np.where(ratio < low, np.rint(width / low), height)
    left, top = np.floor((width - crop_w) / 2), np.floor((height - crop_h) / 2)
    return np.stack([left, top, crop_w, crop_h], axis=-1)


def _cut_boxes(
    group: ViewGroup, draws: NDArray[np.float64], sizes: NDArray[np.int32]
) -> NDArray[np.float64]:
    """Cut ``size_px`` out of the image resized to a short side of ``resize_px``."""
    short = sizes.min(axis=1, keepdims=True).astype(np.float64)
    resize_px = group.resize_px or group.size_px
    resized = np.floor(resize_px * sizes / short)[:, None]  # (B, 1, 2), as torchvision
    if group.crop == "central":
        corner = np.rint((resized - group.size_px) / 2.0) + np.zeros_like(draws[..., 2:])
    else:
        room = resized + 2 * group.padding_px - group.size_px + 1.0
        corner = np.floor(draws[..., 2:] * room) - group.padding_px
    top_left = corner / resized
    shape = group.size_px / resized + np.zeros_like(top_left)
    return np.concatenate([top_left[..., ::-1], shape[..., ::-1]], axis=-1)
