"""Protocols of evaluation: features and labels in, scores out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from edgessl.errors import UserError
from edgessl.metrics.interval import Score
from edgessl.metrics.knn import knn_votes
from edgessl.metrics.linear_probe import fit_linear_probe
from edgessl.metrics.topk import top1, top5


@dataclass(frozen=True, slots=True)
class LabelledOutputs:
    """A network's outputs for the images of one split.

    Attributes:
        outputs: Features ``(N, D)`` or logits ``(N, K)``, float32 on the CPU.
        labels: Class indices, ``(N,)`` int64.

    Raises:
        UserError: An output is not finite.
    """

    outputs: Tensor
    labels: Tensor

    def __post_init__(self) -> None:
        wrong = int((~torch.isfinite(self.outputs)).any(dim=-1).sum()) if len(self.outputs) else 0
        if wrong:
            raise UserError(
                f"scores: must be of finite outputs, got others for {wrong} of "
                f"{len(self.outputs)} images; score a network that did not diverge"
            )

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One protocol's answer on ``test``.

    Attributes:
        score: Accuracy with its interval.
        predictions: Predicted class of each test image, ``(N,)`` int64.
        top5: How often the class is among the five likeliest; None with up to ten classes.
    """

    score: Score
    predictions: Tensor
    top5: Score | None = None


def evaluate_knn(train: LabelledOutputs, test: LabelledOutputs, num_classes: int) -> Evaluation:
    """Classify test images by the most similar training images.

    Args:
        train: Features of the images that vote.
        test: Features of the images to classify.
        num_classes: Number of classes ``K``.
    """
    votes = knn_votes(train.outputs, train.labels, test.outputs, num_classes)
    return _of_logits(votes, test.labels)


def evaluate_linear(
    train: LabelledOutputs, val: LabelledOutputs, test: LabelledOutputs, num_classes: int
) -> Evaluation:
    """Classify test images by a logistic regression on frozen features.

    Args:
        train: Features to fit on.
        val: Features to choose the penalty on; if empty, it is cross-validated on train.
        test: Features to score, touched once.
        num_classes: Number of classes ``K``.

    Raises:
        UserError: Train has fewer than two classes.
    """
    probe = fit_linear_probe(train.outputs, train.labels, val.outputs, val.labels, num_classes)
    return _of_logits(probe.logits(test.outputs), test.labels)


def evaluate_top1(test: LabelledOutputs) -> Evaluation:
    """Score the class with the highest logit.

    Args:
        test: Logits or probabilities ``(N, K)``, and labels in the order of the logits.
    """
    return _of_logits(test.outputs, test.labels)


def _of_logits(logits: Tensor, labels: Tensor) -> Evaluation:
    predictions = logits.argmax(dim=1)
    return Evaluation(top1(predictions, labels), predictions, top5(logits, labels))


SplitName = Literal["train", "val", "test"]


@dataclass(frozen=True, slots=True)
class Protocol:
    """One way to score a network.

    Attributes:
        reads: What the network must give: ``"features"``, or ``"logits"`` of known classes.
        splits: The splits whose outputs it needs.
        score: Outputs by split, and the number of classes ``K``, to the answer on test.
    """

    reads: Literal["features", "logits"]
    splits: tuple[SplitName, ...]
    score: Callable[[Mapping[SplitName, LabelledOutputs], int], Evaluation]


PROTOCOLS: dict[str, Protocol] = {
    "knn": Protocol(
        reads="features",
        splits=("train", "test"),
        score=lambda of, classes: evaluate_knn(of["train"], of["test"], classes),
    ),
    "linear": Protocol(
        reads="features",
        splits=("train", "val", "test"),
        score=lambda of, classes: evaluate_linear(of["train"], of["val"], of["test"], classes),
    ),
    "top1": Protocol(
        reads="logits",
        splits=("test",),
        score=lambda of, _classes: evaluate_top1(of["test"]),
    ),
}

OWN_ANSWERS = Protocol(
    reads="logits",
    splits=("test",),
    score=lambda of, _classes: evaluate_top1(of["test"]),
)
"""What a classifier of several labels an image needs: its ``test`` alone."""
