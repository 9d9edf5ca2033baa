"""A classifier whose classes are directions in feature space, so that one may be added later."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from edgessl.backbones.deploy import Classifier

MOST_DIMENSIONS = 512
SHRINKAGE = 0.3
"""Of the within-class covariance towards a sphere. Chosen, as the dimensions, on held-out training
images of two sets, features of ImageNet weights (bench/LOG.md, classes added on the device)."""


@dataclass(frozen=True)
class FeatureSpace:
    """Where features become directions, and the classes' own.

    Attributes:
        centre: Mean of the class means, taken off features first, ``(D,)``.
        projection: Then multiplied with, ``(D, P)``: it makes classes equally wide in all
            directions.
        vectors: Class vectors of length 1, ``(K, P)``.
        resultant: Length of the mean of a class's directions, in (0, 1]: how alike they are.
    """

    centre: Tensor
    projection: Tensor
    vectors: Tensor
    resultant: float


class PrototypeClassifier(nn.Module):
    """Scaled cosines between features and one vector for each class.

    Args:
        classifier: What gives the features; its last layer is not used.
        space: The feature space and the class vectors.
        scale: What cosines are multiplied by, so that their softmax is calibrated, > 0.

    Source:
        Snell et al. 2017, arXiv:1703.05175 (prototypes); Wang et al. 2019, arXiv:1911.04623
        (centred features of length 1).
    """

    def __init__(self, classifier: Classifier, space: FeatureSpace, scale: float) -> None:
        super().__init__()
        self.classifier = classifier
        self.centre: Tensor
        self.projection: Tensor
        self.vectors: Tensor
        self.register_buffer("centre", space.centre.float())
        self.register_buffer("projection", space.projection.float())
        self.register_buffer("vectors", scale * space.vectors.float())

    def features(self, images: Tensor) -> Tensor:
        """Compute features of length 1, ``(B, P)``.

        Args:
            images: Normalised images, ``(B, 3, H, W)``.
        """
        return normalize((self.classifier.embed(images) - self.centre) @ self.projection, dim=1)

    def forward(self, images: Tensor) -> Tensor:
        """Compute class scores, ``(B, K)``, to be read as logits.

        Args:
            images: Normalised images, ``(B, 3, H, W)``.
        """
        return self.features(images) @ self.vectors.T


class ScoresAndFeatures(nn.Module):
    """Both outputs of a prototype classifier, for a file that classes are added to.

    Args:
        network: The classifier.
    """

    def __init__(self, network: PrototypeClassifier) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Compute scores ``(B, K)`` and features of length 1, ``(B, P)``.

        Args:
            images: Normalised images, ``(B, 3, H, W)``.
        """
        features = self.network.features(images)
        return features @ self.network.vectors.T, features


def fit_space(features: Tensor, labels: Tensor, num_classes: int) -> FeatureSpace:
    """Find the space in which the mean of a few images stands for a class.

    The widest directions of all images are kept, and stretched so that classes are equally wide in
    each: what differs within every class should not tell two of them apart. All classes count the
    same in the centre, however many images they have.

    Args:
        features: ``(N, D)``; every class has at least one.
        labels: Classes, ``(N,)``.
        num_classes: ``K``.
    """
    values = features.double()
    means = torch.stack([values[labels == k].mean(dim=0) for k in range(num_classes)])
    centre = means.mean(dim=0)
    projection = _widest(values - centre)  # (D, P)
    within = (values - means[labels]) @ projection
    spread, axes = torch.linalg.eigh(within.T @ within / len(within))
    spread = spread.clamp(min=0.0)
    width = (1 - SHRINKAGE) * spread + SHRINKAGE * spread.mean()
    if float(width.max()) > 0:  # with one image a class nothing is known of its width
        projection = projection @ (axes / width.clamp(min=1e-6 * float(width.max())).sqrt())
    unit = normalize((values - centre) @ projection, dim=1)
    sums = torch.stack([unit[labels == k].mean(dim=0) for k in range(num_classes)])
    counts = torch.bincount(labels, minlength=num_classes)
    resultant = _resultant(sums.norm(dim=1), counts)
    return FeatureSpace(
        centre.float(), projection.float(), normalize(sums, dim=1).float(), resultant
    )


def _widest(centred: Tensor) -> Tensor:
    """Return the directions in which features vary most, ``(D, P)``."""
    kept = min(MOST_DIMENSIONS, *centred.shape)
    _, axes = torch.linalg.eigh(centred.T @ centred / len(centred))  # ascending
    widest: Tensor = axes[:, -kept:]
    return widest


def _resultant(lengths: Tensor, counts: Tensor) -> float:
    """Average the lengths of class means, without what chance adds to those of few images."""
    several = counts > 1
    if not bool(several.any()):
        return 1.0
    n = counts[several].double()
    squared = (n * lengths[several].square() - 1) / (n - 1)
    return float(squared.mean().clamp(0.01, 1.0).sqrt())
