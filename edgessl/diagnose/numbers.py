"""The numbers of one split: what its features are like, with labels and without."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from edgessl.diagnose.outputs import SplitOutputs
from edgessl.metrics.interval import Score
from edgessl.metrics.intra_class import intra_class_alignment, mean_distance, tolerance
from edgessl.metrics.quality import pair_figures, retrieved
from edgessl.metrics.spread import dead_dimensions, dimension_spread, dimensions, spread

_CURVE = 64  # points of the curve over dimensions


@dataclass(frozen=True, slots=True)
class SplitNumbers:
    """What the features of a split are like. Distances are squared, between unit vectors.

    Attributes:
        split: Its name.
        images: Images whose features were looked at.
        total: Images that the split has.
        viewed: Images whose views were looked at.
        alignment: Mean distance between an image and a view of it.
        alignment_views: The same between two views.
        mean_distance: Mean distance between any two images.
        uniformity: Of the images, as ssl-small computes it: 3 subsets of 128.
        uniformity_views: Of their first views.
        instance_discrimination: Images nearer to a view of themselves than to any other image.
        instance_discrimination_views: From view to view.
        intra_class_alignment: Mean distance within a class; None without labels.
        tolerance: Mean cosine within a class; None likewise.
        effective_rank: RankMe, over the images whose views were looked at, which bound it.
        dimensions: Participation ratio: how many directions share the variance.
        spread: Standard deviation of unit features times sqrt(D): 1 in all directions alike.
        feature_dim: Width of the features.
        dead: Dimensions that hardly vary.
        deviations: Standard deviations of dimensions, the largest first, thinned to 64, as shares
            of the largest.
    """

    split: str
    images: int
    total: int
    viewed: int
    alignment: float
    alignment_views: float
    mean_distance: float
    uniformity: float
    uniformity_views: float
    instance_discrimination: Score
    instance_discrimination_views: Score
    intra_class_alignment: float | None
    tolerance: float | None
    effective_rank: float
    dimensions: float
    spread: float
    feature_dim: int
    dead: int
    deviations: tuple[float, ...]

    @property
    def invariance(self) -> float:
        """Distance of an image to its view as a share of that to any image: the lower the better.

        It is 0 where views change nothing, and about 1 where they change everything.
        """
        return self.alignment / max(self.mean_distance, 1e-12)

    @property
    def class_spread(self) -> float | None:
        """Distance within a class as a share of that between any two images.

        It is 0 where all images of a class coincide, and about 1 where classes mean nothing.
        """
        if self.intra_class_alignment is None:
            return None
        return self.intra_class_alignment / max(self.mean_distance, 1e-12)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        found = {name: getattr(self, name) for name in self.__slots__ if name != "split"}
        for name in ("instance_discrimination", "instance_discrimination_views"):
            found[name] = found[name].to_dict()
        return {
            **found, "deviations": list(self.deviations), "invariance": self.invariance,
            "class_spread": self.class_spread,
        }  # fmt: skip


def numbers_of(outputs: SplitOutputs) -> SplitNumbers:
    """Compute the numbers of a split.

    Args:
        outputs: Of at least two images.
    """
    viewed, (one, other) = outputs.viewed, outputs.views
    own, pairs = pair_figures(viewed, one), pair_figures(one, other)
    deviations = dimension_spread(outputs.features)
    largest = max(float(deviations[0]), 1e-30)
    points = [round(i * (len(deviations) - 1) / (_CURVE - 1)) for i in range(_CURVE)]
    labels = None if outputs.labels is None else outputs.labels[list(outputs.looked.viewed)]
    return SplitNumbers(
        split=outputs.looked.name, images=len(outputs.features), total=outputs.looked.total,
        viewed=len(viewed),
        alignment=own["alignment"], alignment_views=pairs["alignment"],
        mean_distance=mean_distance(viewed),
        uniformity=own["uniformity"], uniformity_views=pairs["uniformity"],
        instance_discrimination=_share(retrieved(viewed, one)),
        instance_discrimination_views=_share(retrieved(one, other)),
        intra_class_alignment=None if labels is None else intra_class_alignment(viewed, labels),
        tolerance=None if labels is None else tolerance(viewed, labels),
        effective_rank=own["effective_rank"], dimensions=float(dimensions(outputs.features)),
        spread=float(spread(outputs.features)), feature_dim=outputs.features.shape[1],
        dead=dead_dimensions(outputs.features),
        deviations=tuple(float(deviations[point]) / largest for point in points),
    )  # fmt: skip


def _share(found: Any) -> Score:
    return Score.from_counts(int(found.sum()), len(found))
