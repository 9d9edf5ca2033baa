"""Logit adjustment after training: chosen on ``val``, and folded into the classifier's bias."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import Any

import torch
from torch import Tensor

from edgessl.backbones import Classifier
from edgessl.losses.class_balance import log_prior
from edgessl.metrics.class_counts import ClassCounts
from edgessl.train.stage.best_epoch import FEWEST_IMAGES

TAUS = (0.25, 0.5, 0.75, 1.0, 1.25, 1.5)
"""Strengths that are tried; 1 is the theory's, 0 the classifier as it is."""


@dataclass(frozen=True, slots=True)
class Adjustment:
    """What was chosen.

    Attributes:
        tau: Strength; 0 for none.
        why: In words.
        balanced: Mean recall of the classes on ``val``, percent, before and after; None where
            nothing was tried.
        top1: The same of top-1.
    """

    tau: float
    why: str
    balanced: tuple[float, float] | None = None
    top1: tuple[float, float] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, without what is not known."""
        figures = {"balanced": self.balanced, "top1": self.top1}
        known = {f"val_{key}": list(pair) for key, pair in figures.items() if pair is not None}
        return {"tau": self.tau, "why": self.why, **known}


def choose_adjustment(logits: Tensor, labels: Tensor, counts: ClassCounts) -> Adjustment:
    """Choose how much of the logarithm of the classes' shares is taken from the logits.

    The strength with the best mean recall of the classes, if that is better than without by more
    than a standard error of the difference, paired image by image.

    Args:
        logits: Of ``val``, ``(N, K)``.
        labels: ``(N,)``.
        counts: Of the training images.

    Source:
        Menon et al. 2021, arXiv:2007.07314, section 4.1 (post-hoc adjustment).
    """
    if not counts.unequal:
        return Adjustment(0.0, "the classes are of like size")
    if len(labels) < FEWEST_IMAGES:
        return Adjustment(0.0, f"val has {len(labels)} images, and choosing takes {FEWEST_IMAGES}")
    prior = log_prior(torch.tensor(counts.counts))
    plain = logits.argmax(dim=1) == labels
    tried = {tau: (logits - tau * prior).argmax(dim=1) == labels for tau in TAUS}
    tau = max(TAUS, key=lambda one: (_balanced(tried[one], labels), -one))
    gain, error = _paired(tried[tau], plain, labels)
    balanced = (_balanced(plain, labels), _balanced(tried[tau], labels))
    top1 = (_percent(plain), _percent(tried[tau]))
    told = (
        f"balanced accuracy on val goes from {balanced[0]:.1f} to {balanced[1]:.1f} %, top-1 from "
        f"{top1[0]:.1f} to {top1[1]:.1f} %"
    )
    if gain > error:
        return Adjustment(tau, told, balanced, top1)
    return Adjustment(
        0.0, f"no strength is better by more than a standard error (tau = {tau:g}: {told})",
        balanced, top1,
    )  # fmt: skip


def fold(classifier: Classifier, tau: float, counts: ClassCounts) -> None:
    """Take the adjustment into the classifier's bias, so that nothing is left to do afterwards.

    Args:
        classifier: Changed in place.
        tau: Strength.
        counts: Of the training images.
    """
    with torch.no_grad():
        bias = classifier.fc.bias
        bias.sub_(tau * log_prior(torch.tensor(counts.counts)).to(bias))


def _balanced(right: Tensor, labels: Tensor) -> float:
    return 100.0 * float(torch.stack([right[labels == one].double().mean()
                                      for one in torch.unique(labels)]).mean())  # fmt: skip


def _percent(right: Tensor) -> float:
    return 100.0 * float(right.double().mean())


def _paired(one: Tensor, other: Tensor, labels: Tensor) -> tuple[float, float]:
    """Return the difference of two mean recalls and its standard error, in points."""
    difference = one.double() - other.double()
    classes = [difference[labels == label] for label in torch.unique(labels)]
    mean = sum(float(found.mean()) for found in classes) / len(classes)
    # The second moment, not the variance: a class of one image has none, and would seem certain.
    variance = sum(float((found**2).mean()) / len(found) for found in classes) / len(classes) ** 2
    return 100.0 * mean, 100.0 * sqrt(variance)
