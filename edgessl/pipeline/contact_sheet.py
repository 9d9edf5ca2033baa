"""A few images with the views the network has to match, for the report."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import torch

from edgessl.recipe.stages import pretrain_stages
from edgessl.rng import DrawKey
from edgessl.train.place.context import Context
from edgessl.views import draw_params
from edgessl.views.sampler import make_views

IMAGES = 6


def save_contact_sheet(context: Context) -> dict[str, Any]:
    """Write ``views.npz``: originals ``(n, 3, S, S)``, and each group ``(n, V, 3, H, W)``, uint8.

    With stages of pretraining, the views are those of the last one.

    Args:
        context: The run.

    Returns:
        How many images it shows.
    """
    store = context.images.pretraining().images
    count = min(IMAGES, len(store))
    ids = np.linspace(0, len(store) - 1, count).astype(np.int64)
    (packed,) = store.batches([ids], torch.device("cpu"))
    images = packed.float() / 255.0
    arrays = {"originals": packed.numpy()}
    first_view = 0
    last = pretrain_stages(context.recipe)[-1]
    for name, group in zip(("global", "local"), last.views, strict=False):
        key = DrawKey(context.seed, 0, 0)
        params = draw_params(group, first_view, store.sizes[ids], ids, key)
        first_view += group.count
        views = make_views(images, group, params)
        views = views.view(group.count, count, *views.shape[1:])
        arrays[name] = (views.transpose(0, 1) * 255.0).round().to(torch.uint8).numpy()
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    context.run.write_bytes("views.npz", buffer.getvalue())
    return {"images": count}
