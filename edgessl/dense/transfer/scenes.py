"""Images with boxes and, where there are any, a mask of each object."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgessl.dense.boxes.boxed import BoxedImage
from edgessl.dense.images import DenseSet

Outline = list[list[float]] | dict[str, Any]
"""COCO's segmentation of an object: polygons in pixels, or run lengths."""


@dataclass(frozen=True, slots=True, eq=False)
class Scene(BoxedImage):
    """One image, its boxes and masks.

    Attributes:
        crowd: Boxes of groups, which are not learned, ``(N,)``; ``difficult`` ones that are no
            crowds are learned, as in the papers, and not judged by.
        outlines: The mask of each box; None where the set has none.
    """

    crowd: NDArray[np.bool_]
    outlines: tuple[Outline, ...] | None = None

    @property
    def identity(self) -> bytes:
        """Contents of image, boxes and masks."""
        boxes = (self.boxes, self.labels, self.difficult, self.crowd)
        values = (np.ascontiguousarray(one).tobytes() for one in boxes)
        return self.digest.encode() + b"".join(values) + json.dumps(self.outlines).encode()


@dataclass(frozen=True)
class SceneSet(DenseSet[Scene]):
    """Images to transfer to: those without a box to learn are left out of train; no val."""

    @property
    def has_masks(self) -> bool:
        """Whether every object has one."""
        return all(one.outlines is not None for one in (*self.train, *self.test))


def with_objects(images: Iterable[Scene]) -> tuple[Scene, ...]:
    """Return the images that have a box to learn."""
    return tuple(one for one in images if len(one.boxes) and not one.crowd.all())


def decode_masks(scene: Scene, rows: Sequence[int]) -> NDArray[np.uint8]:
    """Draw the masks of some boxes of an image, ``(n, H, W)`` of 0 and 1.

    Args:
        scene: With outlines.
        rows: Places of its boxes.
    """
    masks = np.zeros((len(rows), scene.height, scene.width), np.uint8)
    for place, row in enumerate(rows):
        masks[place] = _decoder().decode(run_lengths(scene, row))
    return masks


def run_lengths(scene: Scene, row: int) -> dict[str, Any]:
    """Return the mask of a box in COCO's compressed run lengths."""
    assert scene.outlines is not None  # who asks has looked
    outline, tools = scene.outlines[row], _decoder()
    if isinstance(outline, list):
        parts = tools.frPyObjects(outline, scene.height, scene.width)
        merged: dict[str, Any] = tools.merge(parts)
        return merged
    if isinstance(outline["counts"], list):
        found: dict[str, Any] = tools.frPyObjects(outline, scene.height, scene.width)
        return found
    return outline


def _decoder() -> Any:
    from pycocotools import mask  # loads slowly, and boxes do not need it

    return mask
