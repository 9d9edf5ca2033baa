"""Two fixed views of every image, the same for every network that sees images of one size."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from edgessl.data.parallel import ordered_map
from edgessl.data.squash import squash
from edgessl.data.value_range import ValueRange
from edgessl.recipe.view_tables import Jitter, ViewGroup
from edgessl.rng import DrawKey
from edgessl.views.params import draw_params
from edgessl.views.sampler import make_views

VIEWS = 2
_STAGE = 2000  # no stage of training has this number, so no run has seen these views
_BLUR_AT_PX = 224  # the side that MoCo's blur is given for
_LARGEST_PX = 512


def view_group(side_px: int) -> ViewGroup:
    """Return the distribution of the views: MoCo v2's, its blur in proportion to the side.

    Args:
        side_px: Side of a view.

    Source:
        Chen et al. 2020, arXiv:2003.04297; static sets of ssl-small (AAAI 2022).
    """
    share = side_px / _BLUR_AT_PX
    return ViewGroup(
        count=VIEWS, size_px=side_px, scale=(0.2, 1.0), gray_p=0.2, blur_p=(0.5,) * VIEWS,
        blur_sigma=(0.1 * share, 2.0 * share),
        jitter=Jitter(p=0.8, brightness=0.4, contrast=0.4, saturation=0.4, hue=0.1),
    )  # fmt: skip


def views_of(
    paths: Sequence[Path],
    digests: Sequence[str],
    side_px: int,
    seed: int,
    value_range: ValueRange | None = None,
) -> NDArray[np.uint8]:
    """Make the two views of some images.

    Their parameters depend on seed and content only, not on which other images there are.

    Args:
        paths: The files.
        digests: SHA-1 of each one's content.
        side_px: Side of a view.
        seed: Another seed gives other views.
        value_range: What is black and white where a channel has more than 8 bits.

    Returns:
        ``(2, N, 3, side_px, side_px)`` uint8.

    Raises:
        UserError: A file has changed or is gone.
    """
    packed_px = max(side_px, min(2 * side_px, _LARGEST_PX))
    read = partial(_squashed, size_px=packed_px, value_range=value_range)
    found = [*ordered_map(read, zip(paths, digests, strict=True))]
    packed = torch.from_numpy(np.stack([pixels for pixels, _ in found]))
    sizes = np.array([size for _, size in found], dtype=np.int32)
    ids = np.array([int(digest[:15], 16) for digest in digests], dtype=np.int64)
    group = view_group(side_px)
    params = draw_params(group, 0, sizes, ids, DrawKey(seed, _STAGE, 0))
    views = make_views(packed.float() / 255.0, group, params)  # (V * N, 3, H, W)
    pixels = (views * 255.0).round().clamp_(0, 255).to(torch.uint8)
    return np.ascontiguousarray(pixels.view(VIEWS, len(paths), 3, side_px, side_px).numpy())


def _squashed(
    file: tuple[Path, str], size_px: int, value_range: ValueRange | None
) -> tuple[NDArray[np.uint8], tuple[int, int]]:
    return squash(file[0], file[1], size_px, value_range)
