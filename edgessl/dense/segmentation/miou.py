"""Mean intersection over union, with an interval over images.

Source:
    Everingham et al. 2010, doi:10.1007/s11263-009-0275-4, section 4.3: over all pixels of the set.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edgessl.dense.masks.masked import VOID, MaskedImage, read_mask
from edgessl.metrics.interval import Score

Counts = NDArray[np.int64]
RESAMPLES = 1000


def confusion_of(answer: NDArray[Any], mask: NDArray[np.uint8], classes: int) -> Counts:
    """Count the pixels of one image: rows are true classes, columns answers, ``(K, K)``.

    Args:
        answer: A class for each pixel, ``(H, W)``.
        mask: The truth; void pixels do not count.
        classes: ``K``.
    """
    there = mask != VOID
    pairs = mask[there].astype(np.int64) * classes + answer[there]
    counts: Counts = np.bincount(pairs, minlength=classes**2).reshape(classes, classes)
    return counts


def ious(confusion: NDArray[Any]) -> NDArray[np.float64]:
    """Return the intersection over union of each class; NaN where it is neither there nor told."""
    right = np.diagonal(confusion, axis1=-2, axis2=-1).astype(np.float64)
    union = confusion.sum(axis=-1) + confusion.sum(axis=-2) - right
    shares: NDArray[np.float64] = np.divide(
        right, union, out=np.full_like(right, np.nan), where=union > 0
    )
    return shares


def at_full_size(logits: NDArray[np.float32], height: int, width: int) -> NDArray[np.int64]:
    """Return the class of each pixel of an image of its own size.

    Args:
        logits: Of the square, ``(K, S, S)``.
        height: Of the image.
        width: The same.
    """
    planes = [
        np.asarray(Image.fromarray(plane).resize((width, height), Image.Resampling.BILINEAR))
        for plane in logits
    ]
    best: NDArray[np.int64] = np.stack(planes).argmax(axis=0)
    return best


def confusions(
    logits: Iterable[NDArray[np.float32]], images: Sequence[MaskedImage], classes: int
) -> Counts:
    """Compare answers with masks, at the size of each image.

    Args:
        logits: Of every image's square, ``(K, S, S)`` each.
        images: The same images.
        classes: ``K``.

    Returns:
        ``(I, K, K)``.
    """
    counts = np.zeros((len(images), classes, classes), np.int64)
    for place, (one, image) in enumerate(zip(logits, images, strict=True)):
        answer = at_full_size(one, image.height, image.width)
        mask = read_mask(image.mask, classes, image.mask_digest)
        counts[place] = confusion_of(answer, mask, classes)
    return counts


def mean_iou(counts: Counts) -> float:
    """Return the mIoU over images in percent, of ``(I, K, K)``."""
    return float(100 * np.nanmean(ious(counts.sum(axis=0))))


def resampled(counts: Counts, seed: int = 0) -> NDArray[np.float64]:
    """Return the mIoU in percent over images drawn with replacement, ``(RESAMPLES,)``.

    The same seed draws the same images, so that the values of two segmenters are pairs.
    """
    generator = np.random.default_rng(seed)
    images = len(counts)
    draws = generator.multinomial(images, np.full(images, 1.0 / images), size=RESAMPLES)
    sums = np.einsum("ri,ijk->rjk", draws, counts)
    means: NDArray[np.float64] = 100 * np.nanmean(ious(sums), axis=-1)
    return means


def score(counts: Counts, classes: Sequence[str]) -> dict[str, Any]:
    """Return mIoU with its interval, pixel accuracy, and the IoU of each class, as plain values."""
    low, high = np.percentile(resampled(counts), [2.5, 97.5])
    whole = counts.sum(axis=0)
    shares = ious(whole)
    found = Score(mean_iou(counts), float(low), float(high), len(counts))
    return {
        "scores": {"miou": found.to_dict()},
        "pixel_accuracy": float(100 * np.trace(whole) / max(1, whole.sum())),
        "classes": [
            {"name": name, "pixels": int(whole[i].sum()),
             "iou": None if np.isnan(shares[i]) else float(100 * shares[i])}
            for i, name in enumerate(classes)
        ],
        "pixel_confusion": whole.tolist(),
    }  # fmt: skip
