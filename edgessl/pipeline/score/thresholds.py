"""The thresholds of a classifier of several labels an image, chosen on ``val``."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import nn

from edgessl.data.dataset import Split
from edgessl.data.tagged import tag_table
from edgessl.errors import GateFailed
from edgessl.metrics.features import extract_features
from edgessl.metrics.tag_thresholds import EVEN, best_thresholds
from edgessl.train.place.context import Context


def thresholds_of(context: Context, classifier: nn.Module) -> tuple[float, ...]:
    """Choose from which probability on each class counts as shown.

    Args:
        context: The run.
        classifier: Images to logits ``(B, K)``, on the device.

    Returns:
        One for each class; one half without ``val``. None where images have one label each.
    """
    dataset = context.dataset
    if not dataset.tags:
        return ()
    if not len(dataset.val):
        context.reporter.say(
            f"There is no val to choose thresholds on: every class counts as shown from {EVEN:g} "
            "on."
        )
        return (EVEN,) * len(dataset.classes)
    table = tag_table(dataset, dataset.val)
    return best_thresholds(chances(context, classifier, dataset.val), table.shown, table.difficult)


def chances(context: Context, classifier: nn.Module, split: Split) -> NDArray[np.float64]:
    """Return the probability of each class, ``(N, K)``.

    Args:
        context: The run.
        classifier: Images to logits ``(B, K)``, on the device.
        split: The images.

    Raises:
        GateFailed: Outputs are not finite.
    """
    image = context.recipe.image
    logits = extract_features(
        classifier, context.images.pixels(split), image.mean, image.std, device=context.device
    )
    found: NDArray[np.float64] = logits.double().sigmoid().numpy()
    if not np.isfinite(found).all():
        raise GateFailed(
            "fine-tuning: must give finite numbers, got others; lower finetune.optim.base_lr"
        )
    return found
