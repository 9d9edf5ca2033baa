"""What a detector told of the images of a split, judged by its boxes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgessl.dense.boxes.boxed import BoxedImage
from edgessl.dense.detection.found import Found
from edgessl.dense.detection.score import score
from edgessl.dense.detection.voc_ap import Matches, match_class, mean_ap, resampled


@dataclass(frozen=True, eq=False)
class JudgedBoxes:
    """Boxes that were told, beside the objects that there are.

    Attributes:
        found: What was told of each image.
        images: With their objects.
        classes: Class names in label order.
    """

    found: list[Found]
    images: Sequence[BoxedImage]
    classes: Sequence[str]

    @cached_property
    def matches(self) -> list[Matches]:
        """What became of the boxes of each class."""
        return [match_class(self.found, self.images, i) for i in range(len(self.classes))]

    @property
    def value(self) -> float:
        """VOC's mean AP at an overlap of 0.5, in percent."""
        return 100 * mean_ap(self.matches)

    def facts(self) -> dict[str, Any]:
        """Return VOC's and COCO's average precisions, by class and by size."""
        return score(self.found, self.images, self.classes).facts

    def resampled(self) -> NDArray[np.float64]:
        """Return AP50 in percent over images drawn again."""
        return 100 * resampled(self.matches)

    def save(self, path: Path) -> None:
        """Write what was told."""
        counts = np.array([len(one.scores) for one in self.found], np.int64)
        boxes, scores, labels = (
            np.concatenate([getattr(one, name) for one in self.found])
            for name in ("boxes", "scores", "labels")
        )
        with path.open("wb") as file:
            np.savez_compressed(file, counts=counts, boxes=boxes, scores=scores, labels=labels)


def load_judged(
    path: Path, images: Sequence[BoxedImage], classes: Sequence[str]
) -> JudgedBoxes:
    """Read what ``JudgedBoxes.save`` wrote.

    Args:
        path: The file.
        images: Those that it is about.
        classes: Class names in label order.
    """
    with np.load(path, allow_pickle=False) as file:
        ends = np.cumsum(file["counts"])[:-1]
        parts = [np.split(file[name], ends) for name in ("boxes", "scores", "labels")]
    return JudgedBoxes([Found(*one) for one in zip(*parts, strict=True)], images, classes)
