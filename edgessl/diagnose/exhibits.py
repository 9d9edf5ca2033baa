"""What the page shows of each network besides numbers: a map, neighbours, and where it looks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import normalize

from edgessl.diagnose.look import Seen
from edgessl.diagnose.outputs import SplitOutputs
from edgessl.diagnose.sample import Looked
from edgessl.metrics.best_nn import nearest

ON_MAP = 600
_FEWEST = 4
QUERIES = 10
NEIGHBOURS = 6


@dataclass(frozen=True, slots=True)
class Exhibit:
    """What is shown of one network.

    Attributes:
        points: Of the images on the map, ``(M, 2)``, in [0, 1].
        neighbours: For each query, positions in train, the nearest first.
        seen: Where it looks in each query.
    """

    points: NDArray[np.float64]
    neighbours: list[list[int]]
    seen: Seen


def on_map(looked: Looked) -> list[int]:
    """Choose the images on the map: at most 600 of those whose views were looked at.

    Args:
        looked: The split that is shown.
    """
    stride = max(1, -(-len(looked.viewed) // ON_MAP))
    return list(looked.viewed[::stride])


def queries_of(looked: Looked, seed: int) -> list[int]:
    """Choose images to show, of as many classes as there are places.

    Args:
        looked: The split that is shown.
        seed: Of the choice.
    """
    order = np.random.default_rng(seed).permutation(len(looked.viewed)).tolist()
    labels = looked.split.labels
    first: dict[int, int] = {}
    rest = []
    for place in order:
        index = looked.viewed[place]
        label = -1 - index if labels is None else labels[index]
        if label in first:
            rest.append(index)
        else:
            first[label] = index
    return [*first.values(), *rest][:QUERIES]


def points_of(features: Tensor, seed: int) -> NDArray[np.float64]:
    """Lay features out on a plane, so that near ones stay near: t-SNE.

    Args:
        features: ``(M, D)``; fewer than 4 come on a line.
        seed: Of the layout.

    Returns:
        ``(M, 2)`` in [0, 1].

    Source:
        van der Maaten & Hinton 2008; unit features, 50 principal components and perplexity 30 as
        in ssl-small's Figure 2.
    """
    from sklearn.decomposition import PCA  # takes a while to import
    from sklearn.manifold import TSNE

    rows = normalize(features, dim=1).double().numpy()
    if len(rows) < _FEWEST:  # too few to say which are near
        return np.linspace([0.1, 0.5], [0.9, 0.5], len(rows))
    width = min(50, *rows.shape)
    reduced = PCA(width, svd_solver="full").fit_transform(rows)
    if not np.ptp(reduced, axis=0).max() > 1e-9:  # all the same: there is no layout
        return np.full((len(rows), 2), 0.5)
    perplexity = min(30.0, (len(rows) - 1) / 3)
    layout = TSNE(perplexity=perplexity, init="pca", random_state=seed).fit_transform(reduced)
    low, high = layout.min(axis=0), layout.max(axis=0)
    found: NDArray[np.float64] = (layout - low) / np.maximum(high - low, 1e-12)
    return found


def neighbours_of(
    train: SplitOutputs, shown: SplitOutputs, queries: Sequence[int]
) -> list[list[int]]:
    """Find the most similar training images of some images.

    Args:
        train: Where they are looked for.
        shown: The split of the queries; may be train itself.
        queries: Positions in it.
    """
    bank = normalize(train.features, dim=1)
    index = nearest(bank, normalize(shown.features[list(queries)], dim=1), NEIGHBOURS + 4)
    own = shown.looked.split.digests
    digests = train.looked.split.digests
    return [
        [place for place in row if digests[place] != own[query]][:NEIGHBOURS]
        for query, row in zip(queries, index.tolist(), strict=True)
    ]
