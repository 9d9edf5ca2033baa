"""Whether a heat map lies on the object: a box around its hottest part, held against given boxes.

The papers that report GT-known localisation do not say how a map becomes a box; this is the way of
CAM (Zhou et al. 2016, arXiv:1512.04150, section 4.1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgessl.metrics.interval import Score

THRESHOLD = 0.2
"""Share of a map's highest value from which on a pixel belongs to the object: CAM's."""
RIGHT_IOU = 0.5
_SIZES = 20
Corners = tuple[float, float, float, float]
"""Left, top, right, bottom, in pixels of the image that the network sees."""


@dataclass(frozen=True, slots=True)
class Localisation:
    """How often the box of a heat map meets an object.

    Attributes:
        score: Images whose box overlaps a given box by IoU 0.5 or more.
        centred: The same for the box of the best fixed size in the middle of every image: what
            knowing nothing but where objects tend to be would give.
        pointing: Images whose hottest pixel lies in a given box.
        by: Which maps, in words.
    """

    score: Score
    centred: Score
    pointing: Score
    by: str

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "iou50": self.score.to_dict(), "centred_box_iou50": self.centred.to_dict(),
            "pointing": self.pointing.to_dict(), "maps": self.by, "threshold": THRESHOLD,
        }  # fmt: skip


def box_of(heat: NDArray[np.floating[Any]]) -> Corners | None:
    """Return the box around the largest connected part of a map that is hot.

    Args:
        heat: ``(H, W)``, not negative.

    Returns:
        None where the map is zero everywhere.
    """
    from scipy.ndimage import find_objects, label  # takes a while to import

    highest = float(heat.max())
    if highest <= 0:
        return None
    parts, _ = label(heat >= THRESHOLD * highest)
    sizes = np.bincount(parts.ravel())[1:]
    rows, columns = find_objects(parts)[int(sizes.argmax())]
    return float(columns.start), float(rows.start), float(columns.stop), float(rows.stop)


def iou(one: Corners, other: Corners) -> float:
    """Return the intersection of two boxes over their union.

    Args:
        one: A box of a positive area.
        other: Another.
    """
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    both = max(0.0, width) * max(0.0, height)
    union = _area(one) + _area(other) - both
    return both / union if union > 0 else 0.0


def _area(box: Corners) -> float:
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])


@dataclass(frozen=True, slots=True)
class Counts:
    """What is counted over images with boxes, so that images can be looked at in parts.

    Attributes:
        n: Images.
        met: Those whose map's box meets a given one.
        pointed: Those whose hottest pixel lies in one.
        centred: Those that a box in the middle would meet, of each of 20 sizes.
    """

    n: int = 0
    met: int = 0
    pointed: int = 0
    centred: tuple[int, ...] = (0,) * _SIZES

    def __add__(self, other: Counts) -> Counts:
        centred = tuple(map(sum, zip(self.centred, other.centred, strict=True)))
        return Counts(
            self.n + other.n, self.met + other.met, self.pointed + other.pointed, centred
        )

    def localisation(self, by: str) -> Localisation | None:
        """Return the shares; None where no image was counted.

        Args:
            by: Which maps, in words.
        """
        if not self.n:
            return None
        met, centred, pointed = (
            Score.from_counts(hits, self.n) for hits in (self.met, max(self.centred), self.pointed)
        )
        return Localisation(met, centred, pointed, by)


def localise(
    heats: Sequence[NDArray[np.floating[Any]]], boxes: Sequence[Sequence[Corners]], by: str
) -> Localisation | None:
    """Hold maps against boxes.

    Args:
        heats: Of every image, ``(H, W)``.
        boxes: Of every image the boxes of its objects; images without any are left out.
        by: Which maps, in words.

    Returns:
        None where no image has a box.
    """
    return count(heats, boxes).localisation(by)


def count(
    heats: Sequence[NDArray[np.floating[Any]]], boxes: Sequence[Sequence[Corners]]
) -> Counts:
    """Hold the maps of some images against their boxes.

    Args:
        heats: As of ``localise``.
        boxes: Likewise.
    """
    found = Counts()
    for heat, own in zip(heats, boxes, strict=True):
        if own:
            found += _of_image(heat, own)
    return found


def _of_image(heat: NDArray[np.floating[Any]], own: Sequence[Corners]) -> Counts:
    hot = box_of(heat)
    row, column = np.unravel_index(int(heat.argmax()), heat.shape)
    middle = (float(column) + 0.5, float(row) + 0.5)
    pointed = any(
        box[0] <= middle[0] <= box[2] and box[1] <= middle[1] <= box[3] for box in own
    )
    side = heat.shape[0]
    sizes = [side * share / _SIZES for share in range(1, _SIZES + 1)]
    centred = tuple(int(_meets(_middle(side, size), own)) for size in sizes)
    return Counts(1, int(hot is not None and _meets(hot, own)), int(pointed), centred)


def _meets(found: Corners, boxes: Sequence[Corners]) -> bool:
    return any(iou(found, box) >= RIGHT_IOU for box in boxes)


def _middle(side: float, size: float) -> Corners:
    return (side - size) / 2, (side - size) / 2, (side + size) / 2, (side + size) / 2
