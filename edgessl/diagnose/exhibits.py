"""What the page shows of each network besides numbers: a map, neighbours, and where it looks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import normalize

from edgessl.data.boxes import Corners, boxes_beside, in_crop
from edgessl.data.decode import read_image
from edgessl.data.preprocess import decode_eval
from edgessl.diagnose.heat import (
    ROLLOUT,
    Target,
    heat_kind,
    heat_maps,
    logit_target,
    output_target,
    reads_features,
)
from edgessl.diagnose.localise import Localisation, box_of, localise
from edgessl.diagnose.outputs import SplitOutputs
from edgessl.diagnose.sample import Looked
from edgessl.diagnose.subject import Subject
from edgessl.metrics.best_nn import nearest

ON_MAP = 600
QUERIES = 10
NEIGHBOURS = 6
LOCALISED = 200
"""Images whose maps are held against boxes, at most."""


@dataclass(frozen=True, slots=True)
class Heat:
    """Where a network looks in an image.

    Attributes:
        pixels: The image as the network sees it, ``(3, S, S)`` uint8.
        heat: ``(S, S)``, 0 to 1.
        found: The box around the hottest part.
        given: Boxes of its objects.
    """

    pixels: NDArray[np.uint8]
    heat: NDArray[np.float32]
    found: Corners | None
    given: tuple[Corners, ...]


@dataclass(frozen=True, slots=True)
class Seen:
    """Where a network looks in some images.

    Attributes:
        kind: What the maps are; empty where the network gives none.
        heats: One for each image.
    """

    kind: str
    heats: list[Heat]


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
    """Choose the images on the map: the first 600 whose views were looked at.

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
        features: ``(M, D)``, M >= 4.
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


def look(
    subject: Subject, train: SplitOutputs, shown: SplitOutputs, chosen: Sequence[int],
    classes: Sequence[str], say: Callable[[str], None],
) -> Seen:
    """Compute where a network looks in some images.

    Args:
        subject: The network.
        train: Its outputs on train.
        shown: Its outputs on the split of the images.
        chosen: Positions in that split.
        classes: Class names of the images.
        say: Called with the name of the step.
    """
    kind = heat_kind(subject)
    if not kind or not chosen:
        return Seen("", [])
    say(f"{subject.name}: where it looks")
    split = shown.looked.split
    paths = [split.paths[index] for index in chosen]
    pixels = decode_eval(
        paths, subject.preprocess, digests=[split.digests[index] for index in chosen]
    )
    target, about = _target(subject, train, shown, chosen, classes)
    maps = heat_maps(subject, pixels, target)
    given = [_given(path, subject) for path in paths]
    heats = [
        Heat(own, heat, box_of(heat), boxes)
        for own, heat, boxes in zip(pixels, maps, given, strict=True)
    ]
    return Seen(kind if kind == ROLLOUT else f"{kind}, {about}", heats)


def _target(
    subject: Subject, train: SplitOutputs, shown: SplitOutputs, chosen: Sequence[int],
    classes: Sequence[str],
) -> tuple[Target, str]:
    """Return what is explained: a logit, nearness to the class, or what sets an image apart."""
    labels = None if shown.labels is None else shown.labels[list(chosen)]
    known = list(subject.classes)
    if reads_features(subject) and labels is not None and set(classes) <= set(known):
        logits = torch.tensor([known.index(classes[label]) for label in labels.tolist()])
        return logit_target(subject, logits), "of the true class's logit"
    mean = train.features.mean(dim=0)
    if labels is not None and train.labels is not None:
        rows = torch.stack([_class_mean(train, label, mean) for label in labels.tolist()])
        return output_target(subject, rows - mean), "of the direction to the true class's mean"
    own = shown.features[list(chosen)]
    return output_target(subject, own - mean), "of what sets the image apart from the mean"


def _class_mean(train: SplitOutputs, label: int, mean: Tensor) -> Tensor:
    of_class = train.features[train.labels == label]
    return of_class.mean(dim=0) if len(of_class) else mean


def _given(path: Path, subject: Subject) -> tuple[Corners, ...]:
    boxes = boxes_beside(path)
    if not boxes:
        return ()
    size = read_image(path).size
    return in_crop([box.corners for box in boxes], size, subject.preprocess)


def localised(
    subject: Subject, train: SplitOutputs, shown: SplitOutputs, classes: Sequence[str],
    say: Callable[[str], None],
) -> Localisation | None:  # fmt: skip
    """Hold maps of the first 200 images with boxes against these.

    Args:
        subject: The network.
        train: Its outputs on train.
        shown: Its outputs on the split of the images.
        classes: Class names of the images.
        say: Called with the name of the step.

    Returns:
        None where there are no boxes or no maps.
    """
    split = shown.looked.split
    if not heat_kind(subject):
        return None
    boxed = [index for index in shown.looked.viewed if boxes_beside(split.paths[index])]
    seen = look(subject, train, shown, boxed[:LOCALISED], classes, say)
    if not seen.heats:
        return None
    return localise([one.heat for one in seen.heats], [one.given for one in seen.heats], seen.kind)
