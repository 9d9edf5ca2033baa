"""A few images with the views that the network has to match, for the report."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from edgessl.recipe.view_tables import ViewGroup
from edgessl.rng import DrawKey
from edgessl.views.corruption import Corruption
from edgessl.views.params import draw_params
from edgessl.views.sampler import make_views


def contact_sheet(
    packed: Tensor,
    sizes: NDArray[np.int32],
    ids: NDArray[np.int64],
    groups: Sequence[ViewGroup],
    seed: int,
    corruption: Corruption | None = None,
) -> dict[str, NDArray[np.uint8]]:
    """Draw the views that some images get in the first epoch.

    Args:
        packed: The images, ``(n, 3, S, S)`` uint8.
        sizes: Height and width of the originals, ``(n, 2)``.
        ids: Their positions in the set.
        groups: Of views, the global one first.
        seed: Of the run.
        corruption: How images are degraded before they are cut; None to leave them.

    Returns:
        ``originals`` ``(n, 3, S, S)``, and ``global`` and ``local`` ``(n, V, 3, H, W)``, uint8.
    """
    images = packed.float() / 255.0
    if corruption is not None:
        images = corruption(images, sizes, ids, seed)
        packed = (images * 255.0).round().to(torch.uint8).contiguous()
    arrays = {"originals": packed.numpy()}
    first_view = 0
    for name, group in zip(("global", "local"), groups, strict=False):
        params = draw_params(group, first_view, sizes, ids, DrawKey(seed, 0, 0))
        first_view += group.count
        views = make_views(images, group, params)
        views = views.view(group.count, len(ids), *views.shape[1:])
        arrays[name] = (views.transpose(0, 1) * 255.0).round().to(torch.uint8).numpy()
    return arrays
