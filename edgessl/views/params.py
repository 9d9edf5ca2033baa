"""The random parameters of views: drawn for every sample and view on its own.

The distributions are torchvision's: ColorJitter (four operations in random order),
RandomHorizontalFlip, RandomGrayscale, GaussianBlur's sigma and RandomSolarize; ``boxes`` has the
crops.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgessl.recipe.view_tables import ViewGroup
from edgessl.rng import DrawKey, uniforms_of_operations
from edgessl.views.boxes import crop_boxes
from edgessl.views.operations import Operation
from edgessl.views.rand_augment import Augmentation, draw_augmentation

_DRAWS: dict[int, int] = {
    Operation.FLIP: 1,
    Operation.JITTER: 9,  # whether, four factors, four places in the order
    Operation.GRAY: 1,
    Operation.BLUR: 2,  # whether, sigma
    Operation.SOLARIZE: 1,
}


@dataclass(frozen=True, slots=True)
class ViewParams:
    """Parameters of the ``V`` views of one group for ``B`` samples.

    Attributes:
        boxes: Left, top, width, height as shares of the image, ``(B, V, 4)``; a padded crop
            reaches beyond it.
        flip: Whether to flip, ``(B, V)``.
        jitter: Whether to jitter, ``(B, V)``.
        factors: Brightness, contrast, saturation factor and hue shift, ``(B, V, 4)``.
        order: Which of the four runs first, second, third, fourth, ``(B, V, 4)``.
        gray: Whether to turn grey, ``(B, V)``.
        sigma: Standard deviation of the blur in output pixels, 0 for none, ``(B, V)``.
        solarize: Whether to solarise, ``(B, V)``.
        augmentation: What RandAugment does to the ``V * B`` views, view by view; None for nothing.
    """

    boxes: NDArray[np.float64]
    flip: NDArray[np.bool_]
    jitter: NDArray[np.bool_]
    factors: NDArray[np.float64]
    order: NDArray[np.int64]
    gray: NDArray[np.bool_]
    sigma: NDArray[np.float64]
    solarize: NDArray[np.bool_]
    augmentation: Augmentation | None = None


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

    flip, jitter, gray, blur, solarize = uniforms_of_operations(key, ids, views, _DRAWS)
    blur_p = np.asarray(group.blur_p or (0.0,) * group.count)
    solarize_p = np.asarray(group.solarize_p or (0.0,) * group.count)
    table = group.rand_augment
    sigma = group.blur_sigma[0] + (group.blur_sigma[1] - group.blur_sigma[0]) * blur[..., 1]
    return ViewParams(
        boxes=crop_boxes(group, views, sizes, ids, key),
        flip=flip[..., 0] < group.flip_p,
        jitter=jitter[..., 0] < group.jitter.p,
        factors=_jitter_factors(jitter[..., 1:5], group),
        order=np.argsort(jitter[..., 5:9], axis=-1, kind="stable"),
        gray=gray[..., 0] < group.gray_p,
        sigma=np.where(blur[..., 0] < blur_p, sigma, 0.0),
        solarize=solarize[..., 0] < solarize_p,
        augmentation=None if table is None else draw_augmentation(table, views, ids, key),
    )


def _jitter_factors(draws: NDArray[np.float64], group: ViewGroup) -> NDArray[np.float64]:
    *strengths, hue = group.jitter.strengths
    low = np.array([max(0.0, 1.0 - s) for s in strengths] + [-hue])
    high = np.array([1.0 + s for s in strengths] + [hue])
    factors: NDArray[np.float64] = low + (high - low) * draws
    return factors
