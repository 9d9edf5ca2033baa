"""What features are worth, judged without labels from two views of every image."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import normalize

_EPSILON = 1e-7  # RankMe's, for fp32
_CHUNK = 1024  # queries at a time
SUBSET = 128  # images of one estimate of the uniformity, and
SUBSETS = 3  # estimates


def alignment(one: Tensor, other: Tensor) -> float:
    """Compute the mean squared distance between the normalised features of two views.

    Args:
        one: Features of a view of every image, ``(N, D)``.
        other: Features of another view of the same images, ``(N, D)``.

    Returns:
        ``2 - 2 mean cos``: 0 for equal features, 2 for unrelated ones.

    Source:
        Wang & Isola 2020, arXiv:2005.10242; between views as in ssl-small (AAAI 2022).
    """
    cosines = (_normalised(one) * _normalised(other)).sum(dim=1)
    return float(2.0 - 2.0 * cosines.mean())


def uniformity(features: Tensor, *, t: float = 2.0) -> float:
    """Compute the logarithm of the mean Gaussian potential between normalised features.

    It is averaged over 3 disjoint random subsets of 128 images, always the same; a smaller set
    gives fewer of them, or one smaller one.

    Args:
        features: Of different images, ``(N, D)``, N >= 2.
        t: Sharpness of the potential.

    Returns:
        0 for equal features, ``-2 t`` for orthogonal ones.

    Source:
        Wang & Isola 2020; subsets as in ssl-small's code (AAAI 2022).
    """
    order = torch.randperm(len(features), generator=torch.Generator().manual_seed(0))
    size = min(SUBSET, len(features))
    subsets = order[: size * min(SUBSETS, len(features) // size)].view(-1, size)
    return sum(_log_potential(features[chosen], t) for chosen in subsets) / len(subsets)


def _log_potential(features: Tensor, t: float) -> float:
    rows = _normalised(features)
    first, second = torch.triu_indices(len(rows), len(rows), offset=1)
    squared = (2.0 - 2.0 * (rows @ rows.T)[first, second]).clamp_min(0.0)
    return float((squared * -t).exp().mean().log())


def effective_rank(features: Tensor) -> float:
    """Compute the exponential of the entropy of the singular values' shares: RankMe.

    Args:
        features: ``(N, D)``.

    Returns:
        Between 1 and min(N, D).

    Source:
        Garrido et al. 2023 (RankMe), arXiv:2210.02885.
    """
    rows = features.detach().double()
    gram = rows @ rows.T if len(rows) <= rows.shape[1] else rows.T @ rows
    values = torch.linalg.eigvalsh(gram).clamp_min(0.0).sqrt()
    shares = values / values.sum().clamp_min(1e-30) + _EPSILON
    return float((-(shares * shares.log()).sum()).exp())


def retrieval_top1(one: Tensor, other: Tensor) -> float:
    """Compute how often the other view of an image is nearer than any other image.

    Args:
        one: Features of a view of every image, ``(N, D)``: queries, and images to be confused with.
        other: Features of another view of the same images, ``(N, D)``.

    Returns:
        Percent of images whose two views are more similar than their first view and that of
        every other image.

    Source:
        Instance discrimination from view to view of ssl-small (AAAI 2022); over the whole set
        given, not over classes, so its size matters.
    """
    return 100.0 * float(retrieved(one, other).double().mean())


def retrieved(one: Tensor, other: Tensor) -> Tensor:
    """Tell for every image whether its other view is nearer than any other image.

    Args:
        one: As of ``retrieval_top1``, ``(N, D)``.
        other: Likewise.

    Returns:
        ``(N,)`` bool.
    """
    queries = _normalised(one)
    positives = (queries * _normalised(other)).sum(dim=1)
    nearest = []
    for start in range(0, len(queries), _CHUNK):
        similarity = queries[start : start + _CHUNK] @ queries.T
        similarity.diagonal(start).fill_(-torch.inf)
        nearest.append(similarity.max(dim=1).values)
    return positives > torch.cat(nearest)


def pair_figures(one: Tensor, other: Tensor) -> dict[str, float]:
    """Judge features by two views of the same images, as a run's monitor and ``diagnose`` do.

    Args:
        one: Features of a view of every image, ``(N, D)``, N >= 2.
        other: Features of another view of the same images, ``(N, D)``.

    Returns:
        ``alignment`` and ``retrieval_top1`` of the pairs, ``uniformity`` and ``effective_rank`` of
        the first views.
    """
    return {
        "alignment": alignment(one, other),
        "uniformity": uniformity(one),
        "effective_rank": effective_rank(one),
        "retrieval_top1": retrieval_top1(one, other),
    }


def _normalised(features: Tensor) -> Tensor:
    return normalize(features.detach().float(), dim=1)
