"""The network that fine-tuning keeps: the end of training, or one between it and the start."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from edgessl.backbones import Classifier
from edgessl.data.dataset import Split
from edgessl.data.tagged import tag_table
from edgessl.metrics.features import extract_features
from edgessl.metrics.tags import mean_of_classes
from edgessl.recipe.finetune_table import ENOUGH_VAL
from edgessl.train.place.context import Context
from edgessl.train.place.images import labels_of

MOST_IMAGES = 2_000
"""Images of ``val`` that the choice reads, evenly spread."""

Weights = dict[str, Tensor]


@dataclass(frozen=True, slots=True)
class Share:
    """How much of its start the network that is kept has.

    Attributes:
        share: Of the start's weights: 0 is the end of training.
        why: Why this one, in words.
        on_val: What the network scores on ``val`` by its share, in percent; empty where ``val`` is
            too small to choose.
    """

    share: float
    why: str
    on_val: Mapping[float, float] = field(default_factory=dict)

    @property
    def sentence(self) -> str:
        """What is kept, and why."""
        if not self.share:
            return f"The end of training {self.why}."
        return (
            f"The network {self.share:.0%} of the way back from the end of training to its start "
            f"{self.why}."
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        on_val = {f"{share:g}": round(found, 2) for share, found in self.on_val.items()}
        return {"share": self.share, "why": self.why, "on_val": on_val}


def weights_of(classifier: Classifier) -> Weights:
    """Return copies of all weights that are numbers with a fraction, BN statistics included."""
    return {
        key: value.detach().clone()
        for key, value in classifier.state_dict().items()
        if value.is_floating_point()
    }


def keep_best_share(
    context: Context, classifier: Classifier, start: Mapping[str, Tensor], shares: Sequence[float]
) -> Share:
    """Leave the classifier with the share of its start's weights that answers best on ``val``.

    Args:
        context: The run.
        classifier: At the end of training; is changed in place.
        start: What ``weights_of`` gave before training.
        shares: Of the start's weights, each in [0, 1): 0 is the end of training. Of equally good
            ones the first is taken, and the first too where ``val`` is too small to choose. A
            single one is taken unseen.

    Returns:
        What was chosen and why.
    """
    val, end = context.dataset.val, weights_of(classifier)
    if len(shares) == 1:
        _mix(classifier, start, end, shares[0])
        return Share(shares[0], "is kept, as the recipe says")
    if len(val) < ENOUGH_VAL:
        _mix(classifier, start, end, shares[0])
        return Share(
            shares[0], f"is kept: with {len(val)} images val is too small to choose how much of "
            "the start stays",
        )  # fmt: skip
    step = -(-len(val) // MOST_IMAGES)
    chosen = Split(val.paths[::step], (val.labels or ())[::step], digests=val.digests[::step])
    found: dict[float, float] = {}
    for share in shares:
        _mix(classifier, start, end, share)
        found[share] = _score(context, classifier, chosen)
    best = max(shares, key=lambda share: found[share])  # the first of equal ones
    _mix(classifier, start, end, best)
    told = ", ".join(f"{share:.0%} of the start {found[share]:.1f} %" for share in shares)
    return Share(best, f"is kept, the best on val ({told})", found)


def _mix(
    classifier: Classifier, start: Mapping[str, Tensor], end: Mapping[str, Tensor], share: float
) -> None:
    with torch.no_grad():
        for key, value in classifier.state_dict().items():
            if key in end:
                value.copy_(torch.lerp(end[key], start[key].to(end[key].device), share))


def _score(context: Context, classifier: Classifier, split: Split) -> float:
    """Return top-1 in percent, or mAP where images may have several labels."""
    dataset, image = context.dataset, context.recipe.image
    logits = extract_features(
        classifier, context.images.pixels(split), image.mean, image.std, device=context.device
    )
    if dataset.tags:
        table = tag_table(dataset, split)
        return mean_of_classes(logits.double().numpy(), table.shown, table.difficult)
    return 100.0 * float((logits.argmax(dim=1) == labels_of(split)).float().mean())
