"""The pixels of a split's images, judged."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgessl.dense.masks.masked import MaskedImage
from edgessl.dense.segmentation.miou import Counts, confusions, mean_iou, resampled, score


@dataclass(frozen=True, eq=False)
class JudgedPixels:
    """Counts of the pixels of each image.

    Attributes:
        counts: Rows are true classes, columns answers, ``(I, K, K)``.
        classes: Class names in label order.
    """

    counts: Counts
    classes: Sequence[str]

    @property
    def value(self) -> float:
        """Mean intersection over union over all pixels, in percent."""
        return mean_iou(self.counts)

    def facts(self) -> dict[str, Any]:
        """Return mIoU with its interval, pixel accuracy, IoU of each class, and confusions."""
        return score(self.counts, self.classes)

    def resampled(self) -> NDArray[np.float64]:
        """Return the mIoU in percent over images drawn again."""
        return resampled(self.counts)

    def save(self, path: Path) -> None:
        """Write the counts."""
        with path.open("wb") as file:
            np.save(file, self.counts)


def judge(
    logits: Iterable[NDArray[np.float32]], images: Sequence[MaskedImage], classes: Sequence[str]
) -> JudgedPixels:
    """Compare answers with masks, at the size of each image.

    Args:
        logits: Of every image's square, ``(K, S, S)`` each.
        images: The same images.
        classes: Class names in label order.
    """
    return JudgedPixels(confusions(logits, images, len(classes)), classes)


def load_judged(
    path: Path, images: Sequence[MaskedImage], classes: Sequence[str]
) -> JudgedPixels:
    """Read what ``JudgedPixels.save`` wrote; ``images`` are in it."""
    return JudgedPixels(np.load(path, allow_pickle=False), classes)
