"""Where a network looks in some images, and whether that is where their objects are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

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
from edgessl.diagnose.subject import Subject

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
    given = [boxes_in_view(path, subject) for path in paths]
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


def boxes_in_view(path: Path, subject: Subject) -> tuple[Corners, ...]:
    """Return the boxes of an image's objects where a network sees them; none where none are known.

    Args:
        path: The image.
        subject: The network.
    """
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
