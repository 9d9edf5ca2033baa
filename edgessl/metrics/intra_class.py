"""How close images of one class lie together, against how close any two images do."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import normalize


def intra_class_alignment(features: Tensor, labels: Tensor) -> float | None:
    """Compute the mean squared distance between normalised features of one class.

    It is taken over all unordered pairs of a class, then over the classes, so that a large class
    counts as much as a small one.

    Args:
        features: ``(N, D)``.
        labels: Class indices, ``(N,)`` int64.

    Returns:
        0 where all images of a class have the same feature, 2 where they are unrelated; None where
        no class has two images.

    Source:
        ssl-small (Shi et al., AAAI 2022), "intra-class alignment".
    """
    rows = normalize(features.detach().double(), dim=1)
    counts = torch.bincount(labels).double()  # (K,)
    sums = torch.zeros(len(counts), rows.shape[1], dtype=torch.float64)
    sums.index_add_(0, labels, rows)
    several = counts >= 2
    if not bool(several.any()):
        return None
    return float(_mean_distances(sums[several], counts[several]).mean())


def tolerance(features: Tensor, labels: Tensor) -> float | None:
    """Compute the mean cosine between features of one class: 1 less half the alignment.

    Args:
        features: ``(N, D)``.
        labels: Class indices, ``(N,)`` int64.

    Returns:
        1 at most; None where no class has two images.

    Source:
        Wang & Liu 2021, arXiv:2012.09740; over classes as ``intra_class_alignment``.
    """
    found = intra_class_alignment(features, labels)
    return None if found is None else 1.0 - found / 2.0


def mean_distance(features: Tensor) -> float:
    """Compute the mean squared distance between normalised features of any two images.

    It is the scale that alignments are read on: views of an image, or images of a class, are close
    only if they are closer than this.

    Args:
        features: ``(N, D)``, N >= 2.
    """
    rows = normalize(features.detach().double(), dim=1)
    counts = torch.tensor([len(rows)], dtype=torch.float64)
    return float(_mean_distances(rows.sum(dim=0, keepdim=True), counts)[0])


def _mean_distances(sums: Tensor, counts: Tensor) -> Tensor:
    """Return the mean over unordered pairs of each class from the sum of its unit vectors.

    The squared length of that sum is the count, plus twice the cosine of every pair.
    """
    cosines = (sums.square().sum(dim=1) - counts) / (counts * (counts - 1.0))
    return (2.0 - 2.0 * cosines).clamp_min(0.0)
